"""Aggregation: whether a reference may lead into the resource, or must.

Whether something outside stands in the Bundle is for `reference` to say, which looks for it.

Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.aggregation
"""

from typing import Any

from fhir_server.definitions import Element
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.place import Place
from fhir_server.validation.scope import Rule, Scope

_CONTAINED = "contained"


def compile_rule(element: Element, place: Place) -> Rule | None:
    """Check references of an element that says where they may lead."""
    allowed = _aggregation(element)
    if place.fhir_type != "Reference" or not allowed:
        return None
    if any(_aggregation(other) == allowed for other in place.inherited):
        return None
    into, out = _CONTAINED in allowed, bool(allowed - {_CONTAINED})
    if into and out:
        return None
    source, expected = place.source(element), ", ".join(sorted(allowed))

    def check(value: Any, _sibling: Any, _scope: Scope) -> Findings | None:
        reference = value.get("reference")
        if reference.__class__ is not str or (into if reference[:1] == "#" else out):
            return None
        return [Finding("reference-aggregation", source=source, found=reference, expected=expected)]

    return check


def _aggregation(element: Element) -> frozenset[str]:
    return frozenset(a for ref in element.types for a in ref.aggregation)
