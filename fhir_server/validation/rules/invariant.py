"""Invariants: FHIRPath that must be true of every value.

``ele-1``, ``ext-1``, ``dom-2`` … ``dom-5``, ``ref-1``, ``txt-1`` and ``txt-2`` hold for every
element, extension, resource, reference or narrative: the shape check answers them itself, under
the same key.

Spec: https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

import re
from collections.abc import Callable
from typing import Any

from fhir_server.definitions import Constraint, Element
from fhir_server.fhirpath import Env, Expression, FhirPathError, compile_expression, node
from fhir_server.model import Severity
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.place import Place
from fhir_server.validation.rules.translation import human_text
from fhir_server.validation.scope import Rule, Scope

ANSWERED_BY_SHAPE = frozenset(
    ("ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "ref-1", "txt-1", "txt-2")
)


_ERRATA = {
    # an entry without fullUrl makes it empty, which is not true
    "fullUrl.contains('/_history/').not()": (
        "fullUrl.empty() or fullUrl.contains('/_history/').not()"
    ),
    # so does a prediction without probability
    "probability is decimal implies (probability as decimal) <= 100": (
        "probability.empty() or (probability is decimal implies (probability as decimal) <= 100)"
    ),
    # and a definition without name
    "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')": (
        "name.empty() or name.matches('[A-Z]([A-Za-z0-9_]){0,254}')"
    ),
    # "more than one" in words
    "enableWhen.count() > 2 implies enableBehavior.exists()": (
        "enableWhen.count() > 1 implies enableBehavior.exists()"
    ),
    # FHIR's type is meant, not FHIRPath's
    "operator = 'exists' implies (answer is Boolean)": (
        "operator = 'exists' implies (answer is boolean)"
    ),
}
"""R4 invariants (bdl-8, ras-2, que-0 and its like, que-7, que-12) that miss what they mean."""


_GUARDED = re.compile(r"([a-z][A-Za-z]*)(?:\.[a-z][A-Za-z]*)*\.(empty\(\) or|exists\(\) implies) ")


def compile_rule(element: Element, place: Place) -> Rule | None:
    """Check the invariants that no other plan checks for the same values."""
    known = {(c.key, c.expression) for other in place.inherited for c in other.constraints}
    rules = tuple(
        rule
        for constraint in element.constraints
        if constraint.key not in ANSWERED_BY_SHAPE
        and (constraint.key, constraint.expression) not in known
        and (rule := _compile(constraint, place)) is not None
    )
    if not rules:
        return None
    if len(rules) == 1:
        return rules[0]

    def check(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        found: Findings | None = None
        for rule in rules:
            more = rule(value, sibling, scope)
            if more is not None:
                found = more if found is None else found + more
        return found

    return check


def _compile(constraint: Constraint, place: Place) -> Rule | None:
    severity: Severity | None = constraint.severity
    if constraint.is_best_practice:
        severity = place.table.options.best_practice
    if severity is None:
        return None
    if constraint.expression is None:
        return _never_checked(constraint, "it has no FHIRPath expression")
    try:
        text = _ERRATA.get(constraint.expression, constraint.expression)
        expression = compile_expression(text, place.table.registry.types)
    except FhirPathError as error:
        return _never_checked(constraint, str(error))
    return _check(constraint, expression, severity, place)


def _guard(text: str, place: Place) -> frozenset[str] | None:
    """Return the JSON keys without which ``x.empty() or …`` and the like are true anyway.

    Answering that here takes 0.1 µs, evaluating it 1 to 3.
    """
    form = _GUARDED.match(text)
    if form is None or text.count(" implies ") != (form[2] == "exists() implies"):
        return None
    types = place.table.registry.types
    element = types.element(place.fhir_type, form[1])
    if element is None or types.is_primitive(place.fhir_type):
        return None
    keys = [form[1]]
    if element.is_choice:
        keys = [form[1] + fhir_type[0].upper() + fhir_type[1:] for fhir_type in element.types]
    return frozenset(keys) | {f"_{key}" for key in keys}


def _check(
    constraint: Constraint, expression: Expression, severity: Severity, place: Place
) -> Rule:
    table = place.table
    holds = _test(expression, place.fhir_type)
    guard = _guard(expression.text, place)
    human = human_text(constraint)

    def check(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        env = scope.env
        if env is None:
            env = table.environment(scope)
        if value is None or (guard is not None and guard.isdisjoint(value)):
            return None
        try:
            if holds(value, sibling, env):
                return None
        except FhirPathError as error:
            return _not_checked(constraint, str(error))
        return [
            Finding(
                "invariant-failed",
                severity=severity,
                source=_source(constraint),
                key=constraint.key,
                human=human,
                found=constraint.key,
                expected=constraint.expression,
            )
        ]

    return check


def _test(expression: Expression, fhir_type: str) -> Callable[[Any, Any, Env], bool]:
    """Return what says whether a value meets it; a resource of any type says its own type."""
    if fhir_type not in {"Resource", "DomainResource"}:
        return expression.test_of(fhir_type)
    holds = expression.holds
    return lambda value, sibling, env: holds(
        node(value, value.get("resourceType", fhir_type), sibling), env
    )


def _never_checked(constraint: Constraint, reason: str) -> Rule:
    def check(_value: Any, _sibling: Any, _scope: Scope) -> Findings | None:
        return _not_checked(constraint, reason)

    return check


def _not_checked(constraint: Constraint, reason: str) -> Findings:
    return [
        Finding(
            "invariant-not-checked", source=_source(constraint), key=constraint.key, found=reason
        )
    ]


def _source(constraint: Constraint) -> str:
    return f"{constraint.source}#{constraint.key}" if constraint.source else constraint.key
