"""HTTP/1.1 on the wire: uvicorn's parser with the limits it lacks, refusals that FHIR clients read.

Without them half-sent headers keep a connection for ever and a header may be 20 MB long
(measured on uvicorn 0.54: 80 of 80 half-sent requests still open after 30 s).
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from fhir_server.http.request_id import request_id
from fhir_server.model import encode, issue, operation_outcome

_BAD_REQUEST, _TIMEOUT, _TOO_LARGE = 400, 408, 431


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """Bounds of one request's headers.

    Attributes:
        max_header_bytes: Request line and headers together.
        max_headers: How many.
        header_timeout_s: Seconds until they are complete.
    """

    max_header_bytes: int = 32_768
    max_headers: int = 100
    header_timeout_s: float = 20


class BoundedProtocol(HttpToolsProtocol):
    """One connection; uvicorn is given it with its limits filled in by ``functools.partial``.

    Args:
        limits: See there.
        **connection: What uvicorn gives each connection.
    """

    def __init__(self, *, limits: WireLimits, **connection: Any) -> None:
        super().__init__(**connection)
        self.limits = limits
        self._header_timer: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to headers before it is parsed."""
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_timer is None:
                self._await_headers()
            # a body that comes in the same packet is no header: look at where they end
            if self._header_bytes > self.limits.max_header_bytes and b"\r\n\r\n" not in data:
                self._refuse_size()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Note that headers follow."""
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Check the headers as a whole, then hand the request on."""
        self._stop_waiting()
        self._in_headers = False
        self._header_bytes = 0
        length = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if len(self.headers) > self.limits.max_headers or length > self.limits.max_header_bytes:
            self._refuse_size()
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that what comes next is another request's headers."""
        self._in_headers = True
        if self.cycle is not None:  # none: its headers were refused
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, unless the request is refused already."""
        if self.cycle is not None:
            super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with an OperationOutcome instead of plain text."""
        self._refuse(_BAD_REQUEST, "http-syntax")

    def _refuse_size(self) -> None:
        self._refuse(
            _TOO_LARGE,
            "header-too-large",
            expected=self.limits.max_header_bytes,
            count=self.limits.max_headers,
        )

    def _await_headers(self) -> None:
        self._header_timer = self.loop.call_later(self.limits.header_timeout_s, self._headers_late)

    def _stop_waiting(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_late(self) -> None:
        self._header_timer = None
        self._refuse(_TIMEOUT, "header-timeout", expected=self.limits.header_timeout_s)

    def _refuse(self, status: int, rule: str, **values: object) -> None:
        """Answer and close: whatever the client still sends is not read."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        body = encode(operation_outcome((issue(rule, **values),)))  # type: ignore[arg-type] # placeholders only
        headers = (
            b"content-type: application/fhir+json;charset=utf-8",
            b"x-request-id: " + request_id(None).encode(),
            b"content-length: %d" % len(body),
            b"connection: close",
        )
        self.transport.write(STATUS_LINE[status] + b"\r\n".join(headers) + b"\r\n\r\n" + body)
        self.transport.close()
