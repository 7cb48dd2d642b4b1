"""Bundles that this server makes: links, entries, resources embedded as their stored bytes.

Spec: https://hl7.org/fhir/R4/bundle.html
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote, urlencode

import msgspec

from fhir_server.interaction.message import Parameters
from fhir_server.interaction.write import instant
from fhir_server.model import JsonObject, VersionId
from fhir_server.storage import StoredVersion

BundleType = Literal["searchset", "history", "batch-response", "transaction-response"]


def bundle(
    bundle_type: BundleType,
    entries: Sequence[JsonObject],
    *,
    links: Sequence[tuple[str, str]] = (),
    total: int | None = None,
    last_updated: str | None = None,
) -> JsonObject:
    """Make a Bundle; empty parts are left out, as FHIR's JSON demands."""
    made: JsonObject = {"resourceType": "Bundle", "type": bundle_type}
    if last_updated is not None:
        made["meta"] = {"lastUpdated": last_updated}
    if total is not None:
        made["total"] = total
    if links:
        made["link"] = [{"relation": relation, "url": url} for relation, url in links]
    if entries:
        made["entry"] = list(entries)
    return made


def embedded(body: bytes | JsonObject) -> Any:
    """Return a resource for use inside a Bundle; stored bytes are neither decoded nor encoded."""
    return msgspec.Raw(body) if isinstance(body, bytes) else body


def full_url(base_url: str, version: StoredVersion) -> str:
    """Return the absolute URL of a resource, without version."""
    return f"{base_url}/{version.resource_type}/{version.logical_id}"


def match_entry(base_url: str, version: StoredVersion) -> JsonObject:
    """Make the entry of a whole resource that was found."""
    return {
        "fullUrl": full_url(base_url, version),
        "resource": embedded(version.body or b""),
        "search": {"mode": "match"},
    }


def link(base_url: str, path: str, parameters: Parameters) -> str:
    """Write a URL below the base."""
    url = f"{base_url}/{path}" if path else base_url
    if not parameters:
        return url
    return f"{url}?{urlencode(parameters, quote_via=quote, safe=_SAFE)}"


_SAFE = "/:,|$*"  # read better unescaped, and RFC 3986 or every client takes them in a query


def response_entry(
    *,
    status: int,
    version_id: VersionId | None = None,
    last_modified: datetime | None = None,
    location: str | None = None,
    resource: bytes | JsonObject | None = None,
    outcome: JsonObject | None = None,
) -> JsonObject:
    """Make the answer to one entry of a batch, a transaction or a history."""
    response: JsonObject = {"status": STATUS_LINES.get(status, str(status))}
    if location is not None:
        response["location"] = location
    if version_id is not None:
        response["etag"] = f'W/"{version_id}"'
    if last_modified is not None:
        response["lastModified"] = instant(last_modified)
    if outcome is not None:
        response["outcome"] = outcome
    entry: JsonObject = {}
    if resource is not None:
        entry["resource"] = embedded(resource)
    entry["response"] = response
    return entry


STATUS_LINES = {
    200: "200 OK",
    201: "201 Created",
    204: "204 No Content",
    304: "304 Not Modified",
    400: "400 Bad Request",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    409: "409 Conflict",
    410: "410 Gone",
    412: "412 Precondition Failed",
    422: "422 Unprocessable Entity",
    501: "501 Not Implemented",
    503: "503 Service Unavailable",
}
