"""When care was given: the dates that ``$everything`` means by ``start`` and ``end``.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from collections.abc import Iterable

from fhir_server.definitions import Registry
from fhir_server.model import InvalidRequest, ResourceType
from fhir_server.search import (
    OPEN_HIGH,
    OPEN_LOW,
    And,
    DateMatch,
    DateTerm,
    Missing,
    Node,
    Or,
    TypeMatch,
    interval,
)

_CODES = (
    "authored", "authored-on", "authoredon", "collected", "created", "datetime", "datewritten",
    "effective", "effective-time", "identified", "issued", "occurrence", "onset-date", "period",
    "recorded", "recorded-date", "sent", "start-date", "started", "whenhandedover",
)  # fmt: skip
"""Parameters that tell when something happened, of types that have no ``date``."""
_PREFERRED = "date"
_KEPT = frozenset({"Patient", "Person", "RelatedPerson"})
"""Who somebody is belongs to no time."""


def care_period(
    registry: Registry, types: Iterable[ResourceType], start: str | None, end: str | None
) -> Node:
    """Return what says that care was given between two dates, both included.

    What tells no date, or has none, is in every period.

    Args:
        registry: The search parameters.
        types: The types that are searched.
        start: FHIR date; None: from the beginning.
        end: FHIR date; None: without end.

    Raises:
        InvalidRequest: One of them is no date.
    """
    term = DateTerm("ap", _end_of("start", start), _end_of("end", end))
    by_codes: dict[tuple[str, ...], list[ResourceType]] = {}
    for resource_type in types:
        by_codes.setdefault(_care_dates(registry, resource_type), []).append(resource_type)
    parts: list[Node] = []
    for codes, of_types in by_codes.items():
        of_type = TypeMatch(values=tuple(of_types))
        dated = [DateMatch(parameter=code, values=(term,)) for code in codes]
        undated = [Missing(parameter=code, is_missing=True) for code in codes]
        at_that_time = Or(parts=(*dated, And(parts=tuple(undated))))
        parts.append(And(parts=(of_type, at_that_time)))
    return Or(parts=tuple(parts))


def _care_dates(registry: Registry, resource_type: ResourceType) -> tuple[str, ...]:
    known = registry.search_parameters(resource_type)
    if resource_type in _KEPT:
        return ()
    if _PREFERRED in known and known[_PREFERRED].type == "date" and resource_type != _ORDER:
        return (_PREFERRED,)
    return tuple(code for code in _CODES if code in known and known[code].type == "date")


_ORDER = "MedicationRequest"
"""Its ``date`` tells when to take it, if at all; when it was written counts."""


def _end_of(name: str, text: str | None) -> int:
    if text is None:
        return OPEN_LOW if name == "start" else OPEN_HIGH
    found = interval(text)
    if found is None:
        raise InvalidRequest.of(
            "operation-parameter-type", name=name, found=text[:60], expected="date"
        )
    return found.low if name == "start" else found.high
