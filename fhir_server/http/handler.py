"""The FHIR API as one ASGI callable: bytes in, bytes out, everything else asked of ``interaction``.

Spec: https://hl7.org/fhir/R4/http.html
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import structlog

from fhir_server.http.binary import is_binary_read, posted_binary, raw_reply
from fhir_server.http.body import ClientGone, Receive, read_body
from fhir_server.http.codec import Codec
from fhir_server.http.cors import Cors
from fhir_server.http.errors import answered
from fhir_server.http.exchange import Exchange, Reply
from fhir_server.http.headers import (
    join_headers,
    language,
    preconditions,
    preferences,
    text_of,
)
from fhir_server.http.metrics import HttpMetrics
from fhir_server.http.negotiation import (
    FORM,
    JSON,
    PATCHES,
    QUERIES,
    Format,
    answer_format,
    body_format,
    media_type_of,
    takes_gzip,
)
from fhir_server.http.options import HttpOptions
from fhir_server.http.render import render
from fhir_server.http.request_id import request_id
from fhir_server.http.sending import Send, send_reply
from fhir_server.interaction import Parameters, Request, Response
from fhir_server.model import InvalidRequest, JsonObject, NotAcceptable, Unavailable, issue

Dispatch = Callable[[Request], Awaitable[Response]]

_LARGE_BYTES = 200_000
_LARGE_AT_ONCE = 4
_VARY = (b"vary", b"Accept, Accept-Encoding, Accept-Language, Prefer")
_NO_STORE = (b"cache-control", b"private, no-cache")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OF_RESOURCES = frozenset({"_summary", "_elements"})
"""Parameters that mean the resource, not the content of a Binary."""
_NO_SNIFF = (b"x-content-type-options", b"nosniff")
_RETRY_AFTER_S = "1"
_log = structlog.get_logger("fhir_server.http")


class FhirHandler:
    """ASGI 3 callable for everything below the base path.

    Args:
        dispatch: Answers a request (``interaction.Dispatcher``).
        options: See there.
        metrics: Counts the answers.
        codecs: Of every format by its short name (``codec.codecs``).
    """

    def __init__(
        self,
        dispatch: Dispatch,
        options: HttpOptions,
        metrics: HttpMetrics,
        codecs: Mapping[str, Codec],
    ) -> None:
        self._dispatch = dispatch
        self._options = options
        self._metrics = metrics
        self._codecs = codecs
        self._cors = Cors(options.cors_origins)
        self._under_way = 0
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = time.perf_counter()
        headers = join_headers(scope["headers"])
        exchange = Exchange(
            method=scope["method"],
            path=scope["path"][len(self._options.base_path) :].strip("/"),
            headers=headers,
            request_id=request_id(headers.get(b"x-request-id")),
            language=language(text_of(headers, b"accept-language"), self._options.language),
        )
        self._under_way += 1
        try:
            reply = await answered(exchange, self._answer(exchange, scope["query_string"], receive))
        except ClientGone:
            return
        finally:
            self._under_way -= 1
        self._finish(exchange, reply)
        is_long = reply.file is not None or len(reply.body) >= self._options.compress_min_bytes
        packs = is_long and takes_gzip(text_of(exchange.headers, b"accept-encoding"))
        await send_reply(send, reply, is_head=exchange.method == "HEAD", packs=packs)
        seconds = time.perf_counter() - started
        self._metrics.count(exchange.method, reply.status, seconds)
        if self._options.is_access_logged:
            _log.info(
                "answered",
                request_id=exchange.request_id,
                method=exchange.method,
                status=reply.status,
                ms=round(seconds * 1000, 2),
            )

    async def _answer(self, exchange: Exchange, query: bytes, receive: Receive) -> Reply:
        preflight = self._cors.preflight(exchange)
        if preflight is not None:
            return preflight
        if self._under_way > self._options.max_concurrent_requests:
            busy = issue("server-busy", code="throttled")
            raise Unavailable((busy,), headers={"Retry-After": _RETRY_AFTER_S})
        parameters = _decoded(query) if query else ()
        self._negotiate(exchange, parameters)
        exchange.body = await read_body(exchange, receive, self._options)
        response = await self._response(exchange, parameters)
        if exchange.codec.thread_from_bytes is None:
            reply = render(response, exchange, self._options.base_url)
        else:
            reply = await asyncio.to_thread(render, response, exchange, self._options.base_url)
        if exchange.may_be_content and response.status == HTTPStatus.OK:
            return await asyncio.to_thread(raw_reply, exchange, reply, response.body)
        return reply

    async def _response(self, exchange: Exchange, parameters: Parameters) -> Response:
        """Decode and answer; of large bodies only a few at once, each takes 20 times its length."""
        if len(exchange.body or b"") < _LARGE_BYTES:
            return await self._dispatch(await self._request(exchange, parameters))
        async with self._large:
            return await self._dispatch(await self._request(exchange, parameters))

    def _negotiate(self, exchange: Exchange, parameters: Parameters) -> None:
        """Settle format, indentation and preferences before anything is done for the client."""
        asked = None
        for name, value in parameters:
            if name == "_format":
                asked = value
            elif name == "_pretty":
                exchange.is_pretty = value == "true"
        if exchange.path.startswith("Binary/") and asked is None and is_binary_read(exchange):
            exchange.may_be_content = not any(name in _OF_RESOURCES for name, _ in parameters)
        try:
            exchange.format = answer_format(text_of(exchange.headers, b"accept"), asked)
        except NotAcceptable:
            if not exchange.may_be_content:
                raise
        exchange.codec = self._codecs[exchange.format.name]
        exchange.preferences = preferences(text_of(exchange.headers, b"prefer"))

    async def _request(self, exchange: Exchange, parameters: Parameters) -> Request:
        if exchange.method not in _METHODS:  # refused by its URL, whatever else comes with it
            return Request(
                method=exchange.method,
                path=exchange.path,
                language=exchange.language,
                base_url=self._options.base_url,
            )
        resource: JsonObject | None = None
        media_type: str | None = None
        content_type = text_of(exchange.headers, b"content-type")
        if exchange.body:
            media_type = None if content_type is None else media_type_of(content_type)
            resource = (
                posted_binary(exchange, content_type)
                if exchange.path.startswith("Binary")
                else None
            )
            if resource is not None:
                media_type = JSON.media_type
            elif media_type == FORM and exchange.path.endswith("_search"):
                parameters = (*parameters, *_decoded(exchange.body))
                self._negotiate(exchange, parameters)  # a form may name the format too
            elif media_type not in (QUERIES if exchange.path.endswith("$graphql") else PATCHES):
                resource = await self._decode(exchange, body_format(content_type))
        return Request(
            method="GET" if exchange.method == "HEAD" else exchange.method,
            path=exchange.path,
            parameters=parameters,
            resource=resource,
            body=exchange.body or None,
            text=exchange.text,
            content_type=media_type,
            preconditions=preconditions(exchange.headers),
            preferences=exchange.preferences,
            language=exchange.language,
            accept_language=text_of(exchange.headers, b"accept-language"),
            base_url=self._options.base_url,
        )

    async def _decode(self, exchange: Exchange, posted: Format) -> JsonObject:
        """Decode the body; where that takes long, on a worker thread."""
        codec, body = self._codecs[posted.name], exchange.body
        limits = self._options.body_limits(exchange.path)
        if codec.thread_from_bytes is not None and len(body) >= codec.thread_from_bytes:
            resource, exchange.text = await asyncio.to_thread(codec.decode, body, limits)
        else:
            resource, exchange.text = codec.decode(body, limits)
        return resource

    def _finish(self, exchange: Exchange, reply: Reply) -> None:
        """Add what every answer carries."""
        headers = reply.headers
        headers.append((b"x-request-id", exchange.request_id.encode()))
        headers.append(_VARY)
        headers.append(_NO_STORE)
        headers.append(_NO_SNIFF)
        if b"origin" in exchange.headers:
            self._cors.mark(exchange, reply)
        if reply.status in {408, 413}:
            headers.append((b"connection", b"close"))  # the rest of the body is not waited for


def _decoded(query: bytes) -> Parameters:
    """Decode a query string or a form, in order, empty values kept.

    Raises:
        InvalidRequest: It is not ASCII with UTF-8 behind the percent signs.
    """
    try:
        return tuple(parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict"))
    except ValueError as error:
        raise InvalidRequest.of("query-not-utf8") from error
