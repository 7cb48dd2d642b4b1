"""What the rules of a ValueSet name: a system by its URL, codes and filters it has.

Spec: https://hl7.org/fhir/R4/valueset-definitions.html#ValueSet.compose.include
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from fhir_server.model import JsonObject
from fhir_server.validation.content.ecl import ecl_fault
from fhir_server.validation.content.known_systems import KnownSystems
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.primitive import SCANNERS
from fhir_server.validation.reading import object_of, objects, text_of
from fhir_server.validation.reference_target import is_absolute

_SNOMED = "http://snomed.info/sct"
_SYSTEM: Step = ("system", "system")
_VALUE: Step = ("value", "value")
_HIERARCHY = frozenset(("=", "is-a", "descendent-of", "is-not-a", "generalizes"))
_LISTS = frozenset(("in", "not-in"))
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_INTEGER = re.compile(r"-?[0-9]+")
_BOOLEANS = frozenset(("true", "false"))

_FORMS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "boolean": lambda text: text in _BOOLEANS,
        "integer": lambda text: _INTEGER.fullmatch(text) is not None,
        "decimal": lambda text: _NUMBER.fullmatch(text) is not None,
        "dateTime": lambda text: SCANNERS["dateTime"](text) is None,
    }
)


def check(value_set: JsonObject, systems: KnownSystems) -> Findings | None:
    """Check the includes and excludes of a ValueSet."""
    found: Findings = []
    compose = object_of(value_set, "compose")
    for key in ("include", "exclude"):
        for index, rule in objects(compose, key):
            for finding in _rule(rule, value_set, systems):
                finding.steps += [index, (key, key), ("compose", "compose")]
                found.append(finding)
    return found or None


def _rule(rule: JsonObject, value_set: JsonObject, systems: KnownSystems) -> Iterator[Finding]:
    system = text_of(rule, "system")
    if not system:
        return
    wrong = _system(system, value_set, systems)
    if wrong is not None:
        wrong.steps.append(_SYSTEM)
        yield wrong
        return
    for index, item in objects(rule, "filter"):
        for finding in _filter(item, system, systems):
            finding.steps += [index, ("filter", "filter")]
            yield finding


def _system(system: str, value_set: JsonObject, systems: KnownSystems) -> Finding | None:
    if system[0] == "#":
        ids = {r.get("id") for _, r in objects(value_set, "contained")}
        rule = "system-fragment" if system[1:] in ids else "system-fragment-missing"
        return Finding(rule, found=system)
    if not is_absolute(system):
        return Finding("include-system-relative", found=system)
    url, bar, version = system.partition("|")
    if bar and version:
        return Finding("include-system-version", found=system, expected=url, version=version)
    if system.startswith("urn:"):
        known = systems.url_of(system)
        if known not in (None, system):
            return Finding(
                "include-system-identifier", found=system, expected=known, suggestions=(str(known),)
            )
    defined = systems.registry.code_system(system)
    if defined is None:
        is_value_set = systems.registry.value_set(system) is not None
        return Finding("include-system-value-set", found=system) if is_value_set else None
    if defined.get("content") == "supplement":
        expected = str(defined.get("supplements"))
        return Finding("include-system-supplement", found=system, expected=expected)
    return None


def _filter(item: JsonObject, system: str, systems: KnownSystems) -> Iterator[Finding]:
    name, operator, value = (text_of(item, key) for key in ("property", "op", "value"))
    if name is None or operator is None or value is None:
        return
    if system == _SNOMED:
        fault = ecl_fault(value) if name in {"constraint", "expression"} else None
        if fault is not None:
            yield Finding("filter-ecl", found=value, expected=fault, at=(_VALUE,))
        return
    if operator == "exists":
        if name == "concept":
            yield Finding("filter-operator", found=operator, name=name, at=(("op", "op"),))
        elif value not in _BOOLEANS:
            yield _form(name, value, "boolean")
    elif name == "concept" and operator in _HIERARCHY | _LISTS:
        yield from _codes(value.split(",") if operator in _LISTS else (value,), system, systems)
    elif operator == "=":
        fhir_type = _type_of(name, system, systems)
        is_right = _FORMS.get(fhir_type or "")
        if is_right is not None and not is_right(value):
            yield _form(name, value, str(fhir_type))


def _codes(
    codes: list[str] | tuple[str, ...], system: str, systems: KnownSystems
) -> Iterator[Finding]:
    known = systems.codes(system)
    for code in codes if known is not None else ():
        if code.strip() not in (known or ()):
            yield Finding("filter-code", found=code.strip(), expected=system, at=(_VALUE,))


def _type_of(name: str, system: str, systems: KnownSystems) -> str | None:
    defined = systems.registry.code_system(system) or {}
    declared = (item for _, item in objects(defined, "property") if item.get("code") == name)
    return next((text_of(item, "type") for item in declared), None)


def _form(name: str, value: str, fhir_type: str) -> Finding:
    return Finding("filter-value", name=name, found=value, expected=fhir_type, at=(_VALUE,))
