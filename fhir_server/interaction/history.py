"""History of a resource, a type or everything.

Spec: https://hl7.org/fhir/R4/http.html#history
"""

import re
from datetime import datetime

from fhir_server.interaction.bundle import bundle, full_url, link, response_entry
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.moment import parse_interval
from fhir_server.interaction.services import Services
from fhir_server.interaction.subset import Subset, requested_subset
from fhir_server.interaction.target import Target
from fhir_server.model import InvalidRequest, JsonObject, NotFound
from fhir_server.storage import HistoryQuery, StoredVersion

_CURSOR = "_cursor"
_COUNT = re.compile(r"[0-9]{1,9}")
_TAKEN = frozenset(
    {"_count", "_since", "_at", "_format", "_pretty", "_summary", "_elements", _CURSOR}
)


async def history(services: Services, target: Target, request: Request) -> Response:
    """Return versions, newest first, deletions included.

    Raises:
        InvalidRequest: A parameter is unknown or malformed.
        NotFound: The instance was never stored.
    """
    query = _query(services, target, request)
    subset = requested_subset(tuple(p for p in request.parameters if p != ("_summary", "count")))
    page = await services.store.history(query)
    if target.logical_id and not page.versions:
        await _check_known(services, target)
    own = tuple(p for p in request.parameters if p[0] != _CURSOR)
    links = [("self", link(request.base_url, request.path, request.parameters))]
    if page.next is not None:
        following = (*own, (_CURSOR, page.next))
        links.append(("next", link(request.base_url, request.path, following)))
    entries = [_entry(services, request, version, subset) for version in page.versions]
    return Response(status=200, body=bundle("history", entries, links=links, total=page.total))


async def _check_known(services: Services, target: Target) -> None:
    """Tell a resource that has no versions to show from one that never was.

    Raises:
        NotFound: The instance was never stored.
    """
    if await services.store.read(target.resource_type, target.logical_id) is None:
        raise NotFound.of("not-found", found=f"{target.resource_type}/{target.logical_id}")


def _entry(
    services: Services, request: Request, version: StoredVersion, subset: Subset | None
) -> JsonObject:
    path = f"{version.resource_type}/{version.logical_id}"
    url = version.resource_type if version.method == "POST" else path
    status = 204 if version.is_deleted else 201 if version.version_id == 1 else 200
    body = version.body
    if body is not None and subset is not None:
        body = subset.of_bytes(body, services.knowledge.current.registry.types)
    entry = response_entry(
        status=status,
        version_id=version.version_id,
        last_modified=version.last_updated,
        resource=body,
    )
    return {
        "fullUrl": full_url(request.base_url, version),
        **{key: entry[key] for key in ("resource",) if key in entry},
        "request": {"method": version.method, "url": url},
        "response": entry["response"],
    }


def _query(services: Services, target: Target, request: Request) -> HistoryQuery:
    given: dict[str, str] = {}
    for name, value in request.parameters:
        if name not in _TAKEN:
            if request.preferences.handling == "lenient":
                continue
            raise InvalidRequest.of(
                "history-parameter", found=name, expected=", ".join(sorted(_TAKEN - {_CURSOR}))
            )
        given[name] = value
    count = services.options.history_page_count
    if "_count" in given:
        count = min(_count(given["_count"]), services.search_limits.max_count)
    if given.get("_summary") == "count":
        count = 0
    return HistoryQuery(
        resource_type=target.resource_type or None,
        logical_id=target.logical_id or None,
        since=None if "_since" not in given else _since(given["_since"]),
        at=None if "_at" not in given else parse_interval("_at", given["_at"]),
        page_count=count,
        after=given.get(_CURSOR),
    )


def _count(text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise InvalidRequest.of("count-syntax", found=text)
    return int(text)


def _since(text: str) -> datetime:
    return parse_interval("_since", text)[0]
