"""Length, least and greatest value, and the pattern of a primitive's text.

Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.maxLength
"""

from decimal import Decimal
from typing import Any

import re2

from fhir_server.definitions import Element, FixedValue
from fhir_server.fhirpath import FhirPathError, compile_expression, node
from fhir_server.model import encode
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.place import Place
from fhir_server.validation.scope import Rule, Scope

_MEASURED = frozenset(("Quantity", "Age", "Count", "Distance", "Duration", "Money"))


def compile_rule(element: Element, place: Place) -> Rule | None:
    """Check ``maxLength``, bounds and the regex extension where the element has its own."""
    rules = tuple(
        rule
        for rule in (
            _length(element, place),
            _regex(element, place),
            _bound(element.min_value, "value-too-small", ">=", element, place)
            if all(element.min_value != other.min_value for other in place.inherited)
            else None,
            _bound(element.max_value, "value-too-great", "<=", element, place)
            if all(element.max_value != other.max_value for other in place.inherited)
            else None,
        )
        if rule is not None
    )
    if not rules:
        return None

    def check(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        found: Findings = []
        for rule in rules:
            found += rule(value, sibling, scope) or ()
        return found or None

    return check


def _length(element: Element, place: Place) -> Rule | None:
    longest = element.max_length
    if longest is None or any(other.max_length == longest for other in place.inherited):
        return None
    source = place.source(element)

    def check(value: Any, _sibling: Any, _scope: Scope) -> Findings | None:
        if not isinstance(value, str) or len(value) <= longest:
            return None
        return [Finding("length-max", source=source, found=len(value), expected=longest)]

    return check


def _regex(element: Element, place: Place) -> Rule | None:
    """RE2 is linear, whatever a profile's author wrote; what it cannot do is told.

    A set of one pattern answers in a tenth of the time, with no match object. As it may also say no
    when its memory runs out, only its yes is taken.
    """
    text = element.regex
    if text is None or any(other.regex == text for other in place.inherited):
        return None
    source = place.source(element)
    try:
        form, alone = re2.compile(text), re2.Set.FullMatchSet()
        alone.Add(text)
        alone.Compile()
    except re2.error as error:
        reason = str(error)
        return lambda _value, _sibling, _scope: [
            Finding("invariant-not-checked", source=source, key="regex", found=reason)
        ]

    def check(value: Any, _sibling: Any, _scope: Scope) -> Findings | None:
        if not isinstance(value, str) or alone.Match(value) or form.fullmatch(value) is not None:
            return None
        return [Finding("regex-mismatch", source=source, found=value, expected=text)]

    return check


def _bound(
    bound: FixedValue | None, rule: str, operator: str, element: Element, place: Place
) -> Rule | None:
    """Compare with FHIRPath's operators, which know dates and units."""
    if bound is None:
        return None
    source = place.source(element)
    comparison = compile_expression(f"%value {operator} %bound", place.table.registry.types)
    limit = [node(bound.value, bound.fhir_type)]
    is_told = place.fhir_type in _MEASURED and (rule == "value-too-small" or not element.min_value)
    expected = bound.value if isinstance(bound.value, str) else encode(bound.value).decode()

    def check(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        if value is None:
            return None
        here = [node(value, place.fhir_type, sibling)]
        try:
            verdict = comparison.evaluate(
                here, place.table.environment(scope, {"value": here, "bound": limit})
            )
        except FhirPathError:
            return None
        shown = value if isinstance(value, str | int | Decimal) else encode(value).decode()
        if not verdict and is_told:
            return [Finding("value-not-comparable", source=source, found=shown, expected=expected)]
        if not verdict or verdict[0].value is not False:
            return None
        return [Finding(rule, source=source, found=shown, expected=expected)]

    return check
