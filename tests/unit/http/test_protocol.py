"""The wire itself: a real socket, because no in-process client sends half a request."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
import uvicorn

from fhir_server.http import BoundedProtocol, WireLimits

LIMITS = WireLimits(max_header_bytes=2000, max_headers=10, header_timeout_s=0.3)


async def echo(scope, receive, send) -> None:
    """Answer with the length of the body."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(length).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(
        echo,
        port=0,
        http=partial(BoundedProtocol, limits=LIMITS),  # type: ignore[arg-type] # called like a class
        ws="none",
        lifespan="off",
        log_config=None,
    )
    listening = config.bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()
    server.should_exit = True
    thread.join()
    listening.close()


def exchange(address, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send the parts, then read until the server closes or is silent for a second."""
    with socket.create_connection(address, timeout=2) as connection:
        received = b""
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
        except BrokenPipeError:
            pass  # the server has closed; its answer can still be read
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def outcome(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"x-request-id: " in head.lower()
    issue = json.loads(body)["issue"][0]
    return int(head.split()[1]), issue["details"]["coding"][0]["code"]


def test_a_request_is_answered(address) -> None:
    answer = exchange(
        address,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
        b"12345",
    )
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"5")


def test_two_requests_on_one_connection_are_answered(address) -> None:
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
    last = one.replace(b"Host", b"Connection: close\r\nHost")
    assert exchange(address, one, last, pause=0.05).count(b"200 OK") == 2


def test_a_body_longer_than_the_header_limit_is_no_header(address) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\nConnection: close\r\n\r\n"
    assert exchange(address, head + b"x" * 3000, b"x" * 6000).endswith(b"9000")


def test_half_a_header_is_408_after_the_time_limit(address) -> None:
    started = time.monotonic()
    answer = exchange(address, b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert outcome(answer) == (408, "header-timeout")
    assert time.monotonic() - started < 1.5


def test_a_header_sent_byte_by_byte_is_408_too(address) -> None:
    answer = exchange(address, *[b"G", b"E", b"T", b" ", b"/"], pause=0.1)
    assert outcome(answer) == (408, "header-timeout")


def test_a_connection_that_says_nothing_is_closed(address) -> None:
    assert outcome(exchange(address)) == (408, "header-timeout")


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 3000 + b"\r\n\r\n",
        b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 3000,
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20)) + b"\r\n",
    ],
)
def test_headers_over_the_limits_are_431(address, request_text) -> None:
    assert outcome(exchange(address, request_text)) == (431, "header-too-large")


@pytest.mark.parametrize(
    "text", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_what_is_no_http_is_400(address, text) -> None:
    assert outcome(exchange(address, text)) == (400, "http-syntax")
