"""``Observation/$lastn``: the newest observations of each code.

Spec: https://hl7.org/fhir/R4/observation-operation-lastn.html
"""

from collections.abc import Iterable
from dataclasses import replace

from fhir_server.interaction import (
    Operation,
    Request,
    Response,
    Services,
    Target,
    all_matches,
    bundle,
    match_entry,
    parsed_search,
)
from fhir_server.model import InvalidRequest, JsonObject, decode_stored
from fhir_server.search import SortKey
from fhir_server.storage import StoredVersion

MAX_LOOKED_AT = 10_000
"""Observations of one subject that are sorted by code; who has more asks for fewer codes."""
_MAX = "max"
_SUBJECTS = frozenset({"patient", "subject"})
_NEWEST_FIRST = SortKey(parameter="date", kind="date", is_descending=True)


async def lastn(services: Services, target: Target, request: Request) -> Response:
    """Return the newest ``max`` (1 where it is not given) observations of each code.

    Everything else in the query is search criteria. Observations that share a coding are of one
    code, as are those without coding that have the same text.

    Raises:
        InvalidRequest: No subject is given, ``max`` is no positive number, or a criterion is not
            understood.
        TooCostly: The criteria match more observations than are looked at.
    """
    wanted, criteria = _read(request)
    parsed = parsed_search(
        services.knowledge.current,
        target,
        replace(request, parameters=criteria),
        finds_contained=False,
    )
    query = replace(parsed.query, sort=(_NEWEST_FIRST,))
    groups = _Groups(wanted)
    async for version in all_matches(services, query, MAX_LOOKED_AT):
        groups.take(version)
    entries = [match_entry(request.base_url, version) for version in groups.kept()]
    return Response(status=200, body=bundle("searchset", entries, total=len(entries)))


def _read(request: Request) -> tuple[int, tuple[tuple[str, str], ...]]:
    given = [*request.parameters, *_of_body(request.resource)]
    wanted = next((value for name, value in given if name == _MAX), "1")
    if not (wanted.isascii() and wanted.isdigit() and int(wanted[:9]) > 0):
        raise InvalidRequest.of(
            "operation-parameter-type", name=_MAX, found=wanted, expected="positiveInt"
        )
    criteria = tuple(pair for pair in given if pair[0] != _MAX)
    if not any(name.partition(":")[0].partition(".")[0] in _SUBJECTS for name, _ in criteria):
        raise InvalidRequest.of("operation-parameter-missing", expected="patient, subject")
    return int(wanted[:9]), criteria


def _of_body(resource: JsonObject | None) -> Iterable[tuple[str, str]]:
    for parameter in (resource or {}).get("parameter", ()):
        for key, value in parameter.items():
            if key.startswith("value"):
                yield str(parameter.get("name")), str(value)


class _Groups:
    """Observations by code, newest first."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._by_key: dict[str, list[tuple[int, StoredVersion]]] = {}
        self._taken = 0

    def take(self, version: StoredVersion) -> None:
        """Put an observation, older than those before it, into the group of its code."""
        self._taken += 1
        keys = list(_keys(decode_stored(version.body or b"{}").get("code") or {}))
        met = {id(group): group for key in keys if (group := self._by_key.get(key)) is not None}
        group = [(self._taken, version), *(kept for found in met.values() for kept in found)]
        group = sorted(group, key=lambda kept: kept[0])[: self._wanted]
        for key, found in self._by_key.items():
            if id(found) in met:
                self._by_key[key] = group
        self._by_key.update(dict.fromkeys(keys, group))

    def kept(self) -> Iterable[StoredVersion]:
        """Return what is kept, group by group."""
        groups = {id(group): group for group in self._by_key.values()}
        return [version for group in groups.values() for _, version in group]


def _keys(concept: JsonObject) -> Iterable[str]:
    codings = [c for c in concept.get("coding", ()) if c.get("code")]
    for coding in codings:
        yield f"{coding.get('system', '')}|{coding['code']}"
    if not codings:
        yield f"text {concept.get('text', '')}"


LASTN = Operation(
    name="lastn",
    handler=lastn,
    definition="http://hl7.org/fhir/OperationDefinition/Observation-lastn",
    resource_types=frozenset({"Observation"}),
    on_type=True,
)
