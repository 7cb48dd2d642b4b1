"""``$everything``: all that is in a compartment, and what it refers to.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html,
https://hl7.org/fhir/R4/encounter-operation-everything.html and
https://hl7.org/fhir/R4/group-operation-everything.html
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from fhir_server.interaction import (
    Knowledge,
    Operation,
    Parameters,
    Request,
    Response,
    Services,
    Target,
    compartment_page,
)
from fhir_server.model import InvalidRequest, JsonObject, TooCostly
from fhir_server.operation.call import instance_of
from fhir_server.operation.care_period import care_period
from fhir_server.search import And, ParsedSearch

MAX_MEMBERS = 200
"""Patients of one group; the compartments of more are better exported."""
_ENCOUNTER = ("_since", "_type", "_count", "_elements", "_summary")
_PERIOD = ("start", "end")
_WIRE = frozenset({"_page", "_format", "_pretty"})


async def everything(services: Services, target: Target, request: Request) -> Response:
    """Return one page of the compartment with the resources that it refers to.

    ``start`` and ``end`` bound when care was given, ``_since`` when something was last changed;
    ``_elements`` and ``_summary`` shape the entries as in a search.

    Raises:
        InvalidRequest: A parameter is unknown or malformed.
        NotFound: There is no such patient, encounter or group.
        Deleted: It is deleted.
        TooCostly: The group has too many members.
    """
    instance = await instance_of(services, target) or {}
    owners: Sequence[str] = (target.resource_type, target.logical_id)
    if target.resource_type == "Group":
        owners = ("Patient", *_members(services.knowledge.current, instance))
    allowed = _ENCOUNTER if target.resource_type == "Encounter" else (*_PERIOD, *_ENCOUNTER)
    given = tuple(_given(request, allowed))
    registry = services.knowledge.current.registry

    def understood(
        parameters: Parameters, parse: Callable[[Parameters], ParsedSearch]
    ) -> ParsedSearch:
        parsed = parse(tuple(_criteria(parameters)))
        start, end = (dict(parameters).get(name) for name in _PERIOD)
        if start is not None or end is not None:
            query = parsed.query
            then = care_period(registry, query.resource_types, start, end)
            query = replace(query, where=And(parts=(query.where, then)))
            parsed = replace(parsed, query=query)
        return replace(parsed, used=tuple(p for p in parameters if p[0] not in _WIRE))

    return await compartment_page(services, replace(request, parameters=given), owners, understood)


def _given(request: Request, allowed: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the parameters of query and body."""
    given = [
        *request.parameters,
        *(
            (str(parameter.get("name")), str(value))
            for parameter in (request.resource or {}).get("parameter", ())
            for key, value in parameter.items()
            if key.startswith("value")
        ),
    ]
    for name, value in given:
        if name not in allowed and name not in _WIRE:
            raise InvalidRequest.of("everything-parameter", found=name, expected=", ".join(allowed))
        yield name, value


def _criteria(parameters: Parameters) -> Iterator[tuple[str, str]]:
    """Yield the search parameters that mean the same; the period has none."""
    types = ",".join(value for name, value in parameters if name == "_type" and value)
    if types:
        yield "_type", types
    for name, value in parameters:
        if name == "_since":
            yield "_lastUpdated", f"ge{value}"
        elif name not in (*_PERIOD, "_type"):
            yield name, value


def _members(knowledge: Knowledge, group: JsonObject) -> Sequence[str]:
    """Return the ids of the patients who are members of a group now."""
    current = [m for m in group.get("member", ()) if m.get("inactive") is not True]
    references = knowledge.extractor.references({**group, "member": current}, "member")
    patients = tuple(dict.fromkeys(r.id for r in references if r.type == "Patient"))
    if len(patients) > MAX_MEMBERS:
        raise TooCostly.of("operation-too-many", expected=MAX_MEMBERS)
    return patients


EVERYTHING = Operation(
    name="everything",
    handler=everything,
    definition="http://hl7.org/fhir/OperationDefinition/[type]-everything",
    resource_types=frozenset({"Patient", "Encounter", "Group"}),
    on_instance=True,
)
