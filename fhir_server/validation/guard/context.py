"""Where an extension may stand: places that exist.

Spec: https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from collections.abc import Iterator

from fhir_server.definitions import Registry
from fhir_server.fhirpath import FhirPathError, compile_expression
from fhir_server.validation.finding import Finding
from fhir_server.validation.guard.draft import Draft


def check(draft: Draft) -> Iterator[Finding]:
    """Report contexts that no element, extension or expression is."""
    if draft.structure.type != "Extension" or draft.structure.derivation != "constraint":
        return
    for index, (kind, expression) in enumerate(draft.structure.contexts):
        reason = _CHECKS[kind](expression, draft.registry) if kind in _CHECKS else None
        if reason is not None:
            yield Finding(
                reason,
                at=(("expression", "expression"), index, ("context", "context")),
                found=expression,
            )
    for index, expression in enumerate(draft.structure.context_invariants):
        if not _parses(expression, draft.registry):
            at = (index, ("contextInvariant", "contextInvariant"))
            yield Finding("guard-context-unreadable", at=at, found=expression)


def _element(expression: str, registry: Registry) -> str | None:
    """An element by its path, or one of a profile (``url#element id``)."""
    if ":" in expression:
        found = registry.structure(expression.partition("#")[0]) is not None
        return None if found else "guard-context-unknown"
    steps = expression.split(".")
    fhir_type = steps[0]
    if not registry.types.is_type(fhir_type):
        return "guard-context-unknown"
    for step in steps[1:]:
        element = registry.types.element(fhir_type, step.removesuffix("[x]"))
        if element is None:
            return "guard-context-unknown"
        fhir_type = element.types[0] if element.types else ""
    return None


def _extension(expression: str, registry: Registry) -> str | None:
    here = registry.structure(expression.partition("#")[0]) is not None
    return None if here else "guard-context-unknown"


def _fhirpath(expression: str, registry: Registry) -> str | None:
    return None if _parses(expression, registry) else "guard-context-unreadable"


def _parses(expression: str, registry: Registry) -> bool:
    try:
        compile_expression(expression, registry.types)
    except FhirPathError:
        return False
    return True


_CHECKS = {"element": _element, "extension": _extension, "fhirpath": _fhirpath}
