"""The filter operators of a value set: which concepts satisfy ``property op value``.

Spec: https://hl7.org/fhir/R4/valueset.html#filter and
https://hl7.org/fhir/R4/valueset-filter-operator.html
"""

from collections.abc import Callable, Mapping

from fhir_server.model import JsonObject, ValidationFailed, issue
from fhir_server.terminology.concept import CodeSystem
from fhir_server.terminology.filters.comparison import equal, exists, in_list, not_in_list, regex
from fhir_server.terminology.filters.hierarchy import (
    child_of,
    descendent_leaf,
    descendent_of,
    generalizes,
    is_a,
    is_not_a,
)

Filter = Callable[[CodeSystem, str, str], frozenset[str]]

OPERATORS: Mapping[str, Filter] = {
    "=": equal,
    "is-a": is_a,
    "descendent-of": descendent_of,
    "is-not-a": is_not_a,
    "regex": regex,
    "in": in_list,
    "not-in": not_in_list,
    "generalizes": generalizes,
    "exists": exists,
    "child-of": child_of,
    "descendent-leaf": descendent_leaf,
}
"""``child-of`` and ``descendent-leaf`` are R5's; value sets in use have them already."""

_ON_CONCEPTS = {"is-a", "descendent-of", "is-not-a", "generalizes", "child-of", "descendent-leaf"}

__all__ = ["OPERATORS", "check_filter", "select"]


def check_filter(url: str, clause: JsonObject) -> None:
    """Refuse a filter that cannot be read, whether its code system is here or not.

    Raises:
        ValidationFailed: It lacks a part or has an operator that nobody knows.
    """
    for key in ("property", "op", "value"):
        given = clause.get(key)
        if not isinstance(given, str) or not given:
            raise _refusal("value-set-filter-incomplete", key, url)
    if clause["op"] not in OPERATORS:
        raise _refusal("value-set-filter-operator", clause["op"], url)


def select(system: CodeSystem, clause: JsonObject) -> frozenset[str]:
    """Return the codes of ``system`` that satisfy one ``filter`` entry.

    Args:
        system: A system that lists its concepts.
        clause: One that `check_filter` accepts.

    Raises:
        ValidationFailed: The system has no such property, or a regular expression is none.
    """
    name, operator, value = clause["property"], clause["op"], clause["value"]
    if operator not in _ON_CONCEPTS and not system.has_property(name):
        raise _refusal("value-set-filter-property", name, system.url)
    return OPERATORS[operator](system, name, value)


def _refusal(rule: str, found: str, url: str) -> ValidationFailed:
    return ValidationFailed((issue(rule, found=found, system=url),))
