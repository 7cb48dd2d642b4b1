"""What a bulk export is asked for: the kick-off parameters, read and refused before any work.

Spec: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from fhir_server.interaction import (
    Knowledge,
    Request,
    Subset,
    Target,
    criteria_parameters,
    criteria_query,
    make_subset,
    parse_interval,
)
from fhir_server.model import (
    InvalidRequest,
    JsonObject,
    LogicalId,
    NotSupported,
    ResourceType,
    is_logical_id,
)
from fhir_server.search import Node, Or, compartment_types

NDJSON_NAMES = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
_TAKEN = frozenset(
    {"_outputFormat", "_since", "_type", "_elements", "_typeFilter", "patient",
     "includeAssociatedData", "_format", "_pretty"}
)  # fmt: skip
_NEXT_FILTER = re.compile(r",(?=[A-Z][A-Za-z]*\?)")
_NO_CRITERIA = frozenset(
    {"_sort", "_count", "_include", "_revinclude", "_summary", "_elements", "_total", "_page"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """A bulk export.

    Attributes:
        level: Everything, everything about patients, or about the patients of a group.
        resource_types: What is exported, in order.
        filters: By type: what must hold beside.
        since: Only what changed at or after this instant.
        subset: Parts of resources; None: whole.
        patients: Only these, where they are named; empty: all of the level.
        group_id: Of the group.
        ignored: Parameters that were left aside (``handling=lenient``).
    """

    level: str
    resource_types: tuple[ResourceType, ...]
    filters: Mapping[ResourceType, Node]
    since: datetime | None
    subset: Subset | None
    patients: tuple[LogicalId, ...]
    group_id: LogicalId
    ignored: tuple[str, ...]


def read_export(knowledge: Knowledge, target: Target, request: Request) -> ExportRequest:
    """Read the kick-off request.

    Raises:
        InvalidRequest: A parameter is unknown, malformed or contradicts another one.
        NotSupported: ``includeAssociatedData`` is asked for.
    """
    given: dict[str, list[str]] = {}
    ignored: list[str] = []
    for name, value in _parameters(request):
        if name in _TAKEN:
            given.setdefault(name, []).append(value)
        elif request.preferences.handling == "lenient":
            ignored.append(name)
        else:
            expected = ", ".join(sorted(_TAKEN - {"_format", "_pretty"}))
            raise InvalidRequest.of("export-parameter", found=name, expected=expected)
    _check_format(given.get("_outputFormat", []))
    if "includeAssociatedData" in given:
        raise NotSupported.of("export-associated-data")
    level = target.resource_type or "system"
    types = _types(knowledge, level, _listed(given.get("_type", [])))
    if "patient" in given and level == "system":
        raise InvalidRequest.of("export-patient-level")
    elements = _listed(given.get("_elements", []))
    return ExportRequest(
        level=level,
        resource_types=types,
        filters=_filters(knowledge, types, given.get("_typeFilter", []), request.base_url),
        since=None if "_since" not in given else parse_interval("_since", given["_since"][-1])[0],
        subset=make_subset(None, elements),
        patients=tuple(_patient(text) for text in given.get("patient", [])),
        group_id=target.logical_id,
        ignored=tuple(ignored),
    )


def _parameters(request: Request) -> Iterator[tuple[str, str]]:
    yield from request.parameters
    body = request.resource
    if body is None:
        return
    if body.get("resourceType") != "Parameters":
        raise InvalidRequest.of("operation-needs-parameters", found=body.get("resourceType"))
    for parameter in body.get("parameter", ()):
        yield str(parameter.get("name")), _text(parameter)


def _text(parameter: JsonObject) -> str:
    for key, value in parameter.items():
        if key == "valueReference" and isinstance(value, dict):
            return str(value.get("reference"))
        if key.startswith("value"):
            return str(value)
    raise InvalidRequest.of("export-value", found=str(parameter.get("name"))[:80])


def _listed(values: list[str]) -> tuple[str, ...]:
    parts = (part.strip() for value in values for part in value.split(","))
    return tuple(dict.fromkeys(filter(None, parts)))


def _check_format(values: list[str]) -> None:
    for value in values:
        # "+" in a query string is a blank: ?_outputFormat=application/fhir+ndjson arrives with one
        if value.strip().replace(" ", "+") not in NDJSON_NAMES:
            raise InvalidRequest.of(
                "export-format", found=value, expected=", ".join(sorted(NDJSON_NAMES))
            )


def _types(knowledge: Knowledge, level: str, asked: tuple[str, ...]) -> tuple[ResourceType, ...]:
    known = knowledge.registry.types.resource_types
    offered = (
        tuple(ResourceType(name) for name in sorted(known))
        if level == "system"
        else compartment_types(knowledge.registry, "Patient")
    )
    for name in asked:
        if name not in offered:
            rule = "export-type-unknown" if name not in known else "export-type-not-of-patients"
            raise InvalidRequest.of(rule, found=name)
    return tuple(name for name in offered if not asked or name in asked)


def _filters(
    knowledge: Knowledge, types: tuple[ResourceType, ...], values: list[str], base_url: str
) -> Mapping[ResourceType, Node]:
    """Read ``_typeFilter``: several of one type are alternatives."""
    found: dict[ResourceType, tuple[Node, ...]] = {}
    for text in (part for value in values for part in _NEXT_FILTER.split(value)):
        name, mark, query = text.strip().partition("?")
        resource_type = ResourceType(name)
        if not mark or resource_type not in types:
            raise InvalidRequest.of("export-filter-type", found=text[:200])
        parameters = criteria_parameters(query)
        for parameter, _ in parameters:
            if parameter.partition(":")[0] in _NO_CRITERIA:
                raise InvalidRequest.of("export-filter-parameter", found=parameter)
        where = criteria_query(knowledge, resource_type, parameters, base_url).where
        found[resource_type] = (*found.get(resource_type, ()), where)
    return {name: Or(parts=parts) for name, parts in found.items()}


def _patient(text: str) -> LogicalId:
    name, _, logical_id = text.rpartition("/")
    if name.rpartition("/")[2] != "Patient" or not is_logical_id(logical_id):
        raise InvalidRequest.of("export-patient", found=text[:200])
    return LogicalId(logical_id)
