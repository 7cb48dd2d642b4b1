"""An interaction's answer as HTTP: status, headers, and the stored bytes as they are.

Spec: https://hl7.org/fhir/R4/http.html#ops
"""

from http import HTTPStatus

from fhir_server.http.exchange import Exchange, Reply, with_headers
from fhir_server.http.headers import etag, http_date
from fhir_server.http.negotiation import NDJSON
from fhir_server.interaction import Response
from fhir_server.model import JsonObject, decode_stored, issue, operation_outcome


def render(response: Response, exchange: Exchange, base_url: str) -> Reply:
    """Return the answer to one request.

    Args:
        response: What the interaction answers.
        exchange: Format, preferences and language of the request.
        base_url: Of the links in headers, without trailing slash.
    """
    status, body = _preferred(response, exchange)
    reply = Reply(status, _headers(response, exchange.method == "POST", base_url))
    if response.media_type is not None:
        reply.headers.append((b"content-type", response.media_type.encode()))
        reply.body, reply.file = response.body or b"", response.file  # type: ignore[assignment] # bytes, as it says
    elif body is not None:
        reply.headers.append((b"content-type", exchange.format.content_type))
        reply.body = _encoded(body, exchange)
        if exchange.format is NDJSON and not isinstance(body, bytes):
            reply.headers += _links(body)
    elif status == HTTPStatus.OK:
        reply.status = HTTPStatus.NO_CONTENT
    return with_headers(reply, response.headers) if response.headers else reply


def _preferred(response: Response, exchange: Exchange) -> tuple[int, bytes | JsonObject | None]:
    """Choose the body of a write by ``Prefer: return``; unasked, the representation."""
    wish = exchange.preferences.returns
    is_write = response.logical_id is not None and exchange.method != "GET"
    if wish is None or not is_write or response.status >= HTTPStatus.MULTIPLE_CHOICES:
        return response.status, response.body
    if wish == "minimal":
        return response.status, None
    if wish == "OperationOutcome":
        done = response.outcome or operation_outcome((issue("done"),), exchange.language)
        is_empty = response.status == HTTPStatus.NO_CONTENT
        return (HTTPStatus.OK if is_empty else response.status), done
    return response.status, response.body


def _headers(response: Response, is_post: bool, base_url: str) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = []
    if response.version_id is not None:
        headers.append((b"etag", etag(response.version_id)))
    if response.last_modified is not None:
        headers.append((b"last-modified", http_date(response.last_modified)))
    if response.location is not None:
        location = f"{base_url}/{response.location}".encode()
        headers.append((b"content-location", location))
        if is_post or response.status == HTTPStatus.CREATED:
            headers.append((b"location", location))
    return headers


def _links(body: JsonObject) -> list[tuple[bytes, bytes]]:
    """Return the links of a Bundle as headers, where its format has no room for them.

    Spec: https://www.rfc-editor.org/rfc/rfc8288
    """
    links = [f'<{link["url"]}>; rel="{link["relation"]}"' for link in body.get("link", ())]
    return [(b"link", ", ".join(links).encode())] if links else []


def _encoded(body: bytes | JsonObject, exchange: Exchange) -> bytes:
    """Send stored bytes as they are; anything else is encoded, for people where they asked."""
    if isinstance(body, bytes):
        if exchange.codec.from_stored is not None and not exchange.is_pretty:
            return exchange.codec.from_stored(body)
        body = decode_stored(body)
    return (exchange.codec.encode_pretty if exchange.is_pretty else exchange.codec.encode)(body)
