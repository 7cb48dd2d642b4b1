"""Codes by themselves: the system is absolute and, where it is here, knows code and display.

Spec: https://hl7.org/fhir/R4/datatypes.html#Coding
"""

from dataclasses import replace
from typing import Any

from fhir_server.definitions import Element
from fhir_server.model import Issue
from fhir_server.validation.checks import identifier_check
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.place import Place
from fhir_server.validation.reference_target import is_absolute
from fhir_server.validation.scope import Rule, Scope
from fhir_server.validation.suggestion import safe_choice

_Question = tuple[str, str, str | None, str | None]
_MOST_ANSWERS = 20_000
_NEAR_COSTS = 400
"""Comparisons that it takes to find the codes near an unknown one, in a large system."""
_NAMED_BY_CUSTOM = frozenset(
    ("urn:ietf:bcp:47", "urn:iso:std:iso:3166", "http://unitsofmeasure.org")
)
"""Systems of grammars and registers whose codes have no one right display."""
_URI_SYSTEM = "urn:ietf:rfc:3986"
_TEXT_OR_NOTHING = frozenset((str, type(None)))


def compile_rule(element: Element, place: Place) -> Rule | None:
    """Check every Coding, Quantity and Identifier that names a system."""
    if place.inherited:
        return None
    types = place.table.registry.types
    if element.path != place.fhir_type or not types.is_type(element.path):
        return None
    if types.is_subtype(element.path, "Quantity"):
        return _Codes(place).check_quantity
    if element.path == "Identifier":
        return _check_identifier
    return _Codes(place).check_coding if element.path == "Coding" else None


def _check_identifier(value: Any, sibling: Any, scope: Scope) -> Findings | None:
    """Check the system, and the number where the system says what it is."""
    system = value.get("system")
    known = identifier_check(system) if system.__class__ is str else None
    if known is None:
        if system == _URI_SYSTEM:
            return _check_uri(value.get("value"))
        return _check_system(value, sibling, scope)
    finding = known(value.get("value"), scope.resource)
    if finding is None:
        return None
    finding.steps.append(("value", "value"))
    return [finding]


def _check_uri(value: Any) -> Findings | None:
    """``urn:ietf:rfc:3986`` says that the value is a URI."""
    if value.__class__ is not str or is_absolute(value):
        return None
    return [Finding("identifier-not-uri", found=value, at=(("value", "value"),))]


def _check_system(value: Any, _sibling: Any, _scope: Scope) -> Findings | None:
    system = value.get("system")
    if system.__class__ is not str or system.startswith(("http", "urn:")):
        return None
    if is_absolute(system) and not system.startswith(("oid:", "uuid:")):
        return None
    return [Finding("system-not-absolute", found=system, at=(("system", "system"),))]


class _Codes:
    """Asks the terminology once for every coding."""

    def __init__(self, place: Place) -> None:
        self._terminology = place.table.terminology
        self._options = place.table.options
        self._answers: dict[_Question, tuple[Issue, ...]] = {}

    def check_coding(self, value: Any, sibling: Any, scope: Scope) -> Findings | None:
        """Check system, code and display."""
        system, code = value.get("system"), value.get("code")
        if system.__class__ is not str or code.__class__ is not str:
            if code.__class__ is str and system is None:
                return [Finding("coding-system-missing", found=code)]
            return _check_system(value, sibling, scope)
        if system == _URI_SYSTEM and not is_absolute(code):
            return [Finding("code-not-uri", found=code, at=(("code", "code"),))]
        display, version = value.get("display"), value.get("version")
        if display.__class__ not in _TEXT_OR_NOTHING or version.__class__ not in _TEXT_OR_NOTHING:
            return None
        issues = self._ask((system, code, display, version), scope)
        if not issues:
            return None
        return _check_system(value, sibling, scope) or [_placed(found) for found in issues]

    def check_quantity(self, value: Any, sibling: Any, scope: Scope) -> Findings | None:
        """Check the unit."""
        system, code = value.get("system"), value.get("code")
        if system.__class__ is not str or code.__class__ is not str:
            return None
        issues = self._ask((system, code, None, None), scope)
        if not issues:
            return None
        return _check_system(value, sibling, scope) or [_placed(found) for found in issues]

    def _ask(self, question: _Question, scope: Scope) -> tuple[Issue, ...]:
        known = self._answers.get(question)
        if known is None:
            system, code, display, version = question
            explains = scope.run.may_compare(0)
            checked = self._terminology.check_code(
                system, code, display, version, explains=explains
            )
            known = tuple(self._weigh(found, system) for found in checked.issues)
            if known:
                scope.run.may_compare(_NEAR_COSTS)
            if (explains or not known) and len(self._answers) < _MOST_ANSWERS:
                self._answers[question] = known
        return known

    def _weigh(self, found: Issue, system: str) -> Issue:
        if found.rule == "display-wrong":
            if system in _NAMED_BY_CUSTOM:
                return replace(found, severity="information")
            return replace(found, severity=self._options.wrong_display)
        if found.rule in {"code-system-unknown", "code-not-checked"}:
            return replace(found, severity="information")
        return found


def _placed(found: Issue) -> Finding:
    """Put what the terminology says at the property it is about."""
    name = {"display-wrong": "display", "code-system-unknown": "system"}.get(found.rule, "code")
    finding = Finding(found.rule, issue=found, at=((name, name),))
    if found.rule in {"display-wrong", "code-case-differs"}:
        finding.mend = ("replace", found.expected)
    elif found.rule == "code-unknown" and found.found is not None:
        choice = safe_choice(found.found, found.suggestions)
        finding.mend = None if choice is None else ("replace", choice)
    return finding
