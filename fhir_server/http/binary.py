"""Binary as what it is: the content itself in and out, where nobody asks for the resource.

Spec: https://hl7.org/fhir/R4/binary.html#rest
"""

import base64
import binascii
import re
from typing import Any

from fhir_server.http.exchange import Exchange, Reply
from fhir_server.http.headers import quality, text_of
from fhir_server.http.negotiation import READ_FORMATS, media_type_of
from fhir_server.model import JsonObject, NotAcceptable, decode_stored

_READ = re.compile(r"Binary/[A-Za-z0-9\-.]{1,64}(?:/_history/[^/]+)?")
_WRITE = re.compile(r"Binary(?:/([A-Za-z0-9\-.]{1,64}))?")
_FHIR_TYPES = frozenset(one.media_type for one in READ_FORMATS)
_ALIASES = frozenset(alias for one in READ_FORMATS for alias in one.aliases)
_RESOURCE = re.compile(rb'"resourceType"\s*:\s*"Binary"|<Binary\b[^>]*hl7\.org/fhir')
_OCTETS = "application/octet-stream"
_HEADER_SAFE = re.compile(r"[ -~]{1,200}")
_SANDBOX = (b"content-security-policy", b"sandbox; default-src 'none'")
"""Content of anybody's making must not run as a page of this server."""


def is_binary_read(exchange: Exchange) -> bool:
    """Say whether a Binary is read, so that any ``Accept`` may be meant for its content."""
    return exchange.method in {"GET", "HEAD"} and _READ.fullmatch(exchange.path) is not None


def posted_binary(exchange: Exchange, content_type: str | None) -> JsonObject | None:
    """Return the Binary that a posted content becomes; None: it is a resource already.

    ``X-Security-Context`` says whose access rules hold for it.
    """
    match = _WRITE.fullmatch(exchange.path)
    is_write = exchange.method == ("POST" if match and match[1] is None else "PUT")
    if match is None or not is_write or content_type is None:
        return None
    media_type = media_type_of(content_type)
    if media_type in _FHIR_TYPES or (
        media_type in _ALIASES and _RESOURCE.search(exchange.body) is not None
    ):
        return None
    made: JsonObject = {"resourceType": "Binary"}
    if match[1] is not None:
        made["id"] = match[1]
    made["contentType"] = content_type.strip()
    context = text_of(exchange.headers, b"x-security-context")
    if context is not None:
        made["securityContext"] = {"reference": context}
    made["data"] = base64.b64encode(exchange.body).decode()
    return made


def raw_reply(exchange: Exchange, reply: Reply, body: Any) -> Reply:
    """Turn the answer to a read into the content itself, unless the resource is asked for.

    Args:
        exchange: Says what is asked for.
        reply: The answer as it is otherwise.
        body: The stored bytes.

    Raises:
        NotAcceptable: Neither the content nor the resource is what is asked for.
    """
    binary = decode_stored(body)
    content_type = str(binary.get("contentType") or _OCTETS)
    if not _HEADER_SAFE.fullmatch(content_type):
        content_type = _OCTETS
    if not _wants_content(text_of(exchange.headers, b"accept"), media_type_of(content_type)):
        return reply
    try:
        reply.body = base64.b64decode(str(binary.get("data", "")), validate=False)
    except binascii.Error:  # stored without validation
        return reply
    reply.headers = [pair for pair in reply.headers if pair[0] != b"content-type"]
    reply.headers += [(b"content-type", content_type.encode()), _SANDBOX]
    context = str(binary.get("securityContext", {}).get("reference", ""))
    if _HEADER_SAFE.fullmatch(context):
        reply.headers.append((b"x-security-context", context.encode()))
    return reply


def _wants_content(accept: str | None, media_type: str) -> bool:
    """Say whether the content is wanted: the first range, by quality, that names one of both."""
    if not accept:
        return True
    ranges = [(item.strip(), quality(item.partition(";")[2])) for item in accept.split(",")]
    for item, weight in sorted(ranges, key=lambda pair: -pair[1]):
        name = media_type_of(item)
        if weight <= 0:
            continue
        if name in _FHIR_TYPES:
            return False
        if name in {"*/*", "*", media_type, f"{media_type.partition('/')[0]}/*"}:
            return True
        if name in _ALIASES:
            return False
    expected = ", ".join((media_type, *sorted(_FHIR_TYPES)))
    raise NotAcceptable.of("format-not-offered", found=accept, expected=expected)
