"""Registered checks that a profile's element names, for what FHIRPath cannot say.

See `fhir_server.validation.checks`.
"""

from typing import Any

from fhir_server.definitions import Element
from fhir_server.validation.checks import CHECKS, CheckFunction
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.place import Place
from fhir_server.validation.scope import Rule, Scope


def compile_rule(element: Element, place: Place) -> Rule | None:
    """Run the checks named by the element's ``registered-check`` extensions."""
    inherited = {name for other in place.inherited for name in other.checks}
    names = tuple(name for name in element.checks if name not in inherited)
    if not names:
        return None
    source = place.source(element)
    unknown = tuple(name for name in names if name not in CHECKS)
    functions = tuple((name, CHECKS[name]) for name in names if name in CHECKS)

    def check(value: Any, _sibling: Any, scope: Scope) -> Findings | None:
        found = _run(functions, value, scope, source)
        for name in unknown:
            found.append(Finding("check-unknown", source=source, found=name))
        return found or None

    return check


def _run(
    functions: tuple[tuple[str, CheckFunction], ...], value: Any, scope: Scope, source: str
) -> Findings:
    found: Findings = []
    for _, function in functions:
        finding = None if value is None else function(value, scope.resource)
        if finding is not None:
            finding.source = source
            found.append(finding)
    return found
