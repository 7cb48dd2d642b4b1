"""Hostile requests on the wire: 4xx, never 5xx, never a hang; the cases are in ``hostile.yaml``."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

pytestmark = pytest.mark.spec("http.html#Status-Codes")

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("hostile.yaml").read_text(encoding="utf-8")
)
ROOT = Path(__file__).parents[3]
HANG_S = 20
"""Time-outs of the server are set to 1 s; whoever waits longer waits for ever."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = tmp_path_factory.mktemp("hostile") / "store.sqlite"
    limits = {
        "FHIR_SERVER_HTTP__HEADER_TIMEOUT_S": "1",
        "FHIR_SERVER_HTTP__BODY_TIMEOUT_S": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "fhir_server", "serve", "--port", "0", "--store", f"sqlite:///{store}"],
        cwd=ROOT,
        env={**os.environ, **limits},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
        assert "Traceback" not in errors


def answered(base: str, request: bytes) -> tuple[int | str, bytes]:
    """Status and the whole answer; "closed" where there is none."""
    url = httpx.URL(base)
    received = b""
    with socket.create_connection((url.host, url.port or 80), timeout=HANG_S) as connection:
        try:
            connection.sendall(request)
            while part := connection.recv(65536):
                received += part
                if is_complete(received):
                    break
        except ConnectionError:
            pass  # refused and closed while we were still sending
    line = re.match(rb"HTTP/1\.1 (\d{3})", received)
    return ("closed" if line is None else int(line[1])), received


def is_complete(received: bytes) -> bool:
    head, blank, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return bool(blank) and length is not None and len(body) >= int(length[1])


def bytes_of(case: dict[str, Any]) -> bytes:
    text = str(case["send"]).replace("{fill}", str(case.get("fill", "")) * case.get("times", 0))
    if case.get("raw"):
        return text.encode("latin-1")
    return text.replace("\n", "\r\n").encode("latin-1")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_hostile_request_is_refused(base: str, case: dict[str, Any]) -> None:
    status, answer = answered(base, bytes_of(case))
    assert status in case["status"], answer[:600]
    head, _, body = answer.partition(b"\r\n\r\n")
    if isinstance(status, int) and status >= 400 and b"fhir+json" in head.lower():
        assert b"OperationOutcome" in body
        assert b"x-request-id" in head.lower()
    assert httpx.get(f"{base}/Patient?_count=1", timeout=HANG_S).status_code == 200
