"""Reading what was posted: bounded in size and time, unpacked, decoded by its media type.

Limits: DESIGN 11; media types: https://hl7.org/fhir/R4/http.html#mime-type
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fhir_server.http.compression import expanded
from fhir_server.http.exchange import Exchange
from fhir_server.http.headers import text_of
from fhir_server.http.options import HttpOptions
from fhir_server.model import RequestTimeout, TooLarge

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


async def read_body(exchange: Exchange, receive: Receive, options: HttpOptions) -> bytes:
    """Read the whole body, unpacked.

    Raises:
        TooLarge: It is longer than a resource, or a Bundle where one is expected, may be.
        RequestTimeout: It did not arrive within ``body_timeout_s``.
        UnsupportedMediaType: It is packed by something else than gzip.
        InvalidRequest: It is packed badly.
        ClientGone: The connection was closed.
    """
    headers = exchange.headers
    if b"content-length" not in headers and b"transfer-encoding" not in headers:
        return b""
    limit = options.body_limits(exchange.path).max_bytes
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge.of("body-too-large", found=int(declared), expected=limit)
    try:
        async with asyncio.timeout(options.body_timeout_s):
            body = await _received(receive, limit)
    except TimeoutError as error:
        raise RequestTimeout.of("body-timeout", expected=options.body_timeout_s) from error
    encoding = text_of(headers, b"content-encoding")
    return body if encoding is None else expanded(body, encoding, limit)


async def _received(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        length += len(part)
        if length > limit:
            raise TooLarge.of("body-too-large", found=f">{limit}", expected=limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)
