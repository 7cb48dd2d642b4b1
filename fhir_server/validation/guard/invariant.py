"""Invariants that can be understood, and meant, where they stand.

Spec: https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from collections.abc import Iterator

from fhir_server.definitions import Element
from fhir_server.fhirpath import Navigator, check_expression
from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding
from fhir_server.validation.guard.draft import Draft, Said


def check(draft: Draft) -> Iterator[Finding]:
    """Report keys that are given twice, and expressions that do not fit their element."""
    navigator = Navigator(draft.registry.types)
    keys: dict[str, object] = {}
    for said in draft.said():
        constraints = said.definition.get("constraint", ())
        for at, constraint in enumerate(constraints):
            key, expression = constraint.get("key", ""), constraint.get("expression")
            if keys.setdefault(key, expression) != expression:
                yield _at(said, at, "key", said.finding("guard-key-repeated", key=key))
            if isinstance(expression, str):
                yield from _expression(said, at, constraint, draft, navigator)
            else:
                yield _at(said, at, "key", said.finding("guard-invariant-in-words", key=key))


def _expression(
    said: Said, at: int, constraint: JsonObject, draft: Draft, navigator: Navigator
) -> Iterator[Finding]:
    judged = check_expression(
        constraint["expression"],
        draft.registry.types,
        context_types=_types_of(said.element, draft),
        variables={},
        is_condition=True,
        navigator=navigator,
    )
    for problem in judged.issues:
        if problem.is_error:
            key = constraint.get("key", "")
            finding = said.finding("guard-invariant-wrong", key=key, reason=problem.text)
            yield _at(said, at, "expression", finding)


def _types_of(element: Element, draft: Draft) -> tuple[str, ...]:
    """Return the types an invariant's focus may have; an element with children is its path."""
    types = draft.registry.types
    if not element.types:
        return (draft.structure.type,) if element is draft.structure.root else ()
    if types.element_names(element.path):
        return (element.path,)
    return tuple(ref.code for ref in element.types)


def _at(said: Said, at: int, key: str, finding: Finding) -> Finding:
    finding.steps = [(key, key), at, ("constraint", "constraint"), *said.at()]
    return finding
