"""The codes a ConceptMap maps are codes of its systems and, where it names them, its value sets.

Spec: https://hl7.org/fhir/R4/conceptmap.html
"""

from collections.abc import Iterator

from fhir_server.model import JsonObject
from fhir_server.validation.content.known_systems import KnownSystems
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.reading import objects, text_of
from fhir_server.validation.scope import Scope


def check(concept_map: JsonObject, scope: Scope, systems: KnownSystems) -> Findings | None:
    """Check the scopes and codes of a ConceptMap."""
    source, source_fault = _scope_of(concept_map, "source", scope)
    target, target_fault = _scope_of(concept_map, "target", scope)
    found: Findings = [fault for fault in (source_fault, target_fault) if fault is not None]
    if found:
        return found
    for index, group in objects(concept_map, "group"):
        for finding in _group(group, source, target, scope, systems):
            finding.steps += [index, ("group", "group")]
            found.append(finding)
    return found or None


def _scope_of(
    concept_map: JsonObject, name: str, scope: Scope
) -> tuple[str | None, Finding | None]:
    """Return the value set the codes come from; where it is something else, say so."""
    registry = scope.run.table.registry
    for key in (f"{name}Canonical", f"{name}Uri"):
        canonical = text_of(concept_map, key)
        if canonical is None:
            continue
        if registry.value_set(canonical) is not None:
            return canonical, None
        if registry.code_system(canonical) is not None:
            return None, Finding("concept-map-scope", found=canonical, at=((key, name),))
    return None, None


def _group(
    group: JsonObject, source: str | None, target: str | None, scope: Scope, systems: KnownSystems
) -> Iterator[Finding]:
    from_system, to_system = text_of(group, "source"), text_of(group, "target")
    for index, element in objects(group, "element"):
        at: tuple[Step, ...] = (index, ("element", "element"))
        wrong = _code(element, from_system, source, scope, systems)
        if wrong is not None:
            wrong.steps += at
            yield wrong
        for position, mapped in objects(element, "target"):
            wrong = _code(mapped, to_system, target, scope, systems)
            if wrong is not None:
                wrong.steps += [position, ("target", "target"), *at]
                yield wrong


def _code(
    holder: JsonObject,
    system: str | None,
    value_set: str | None,
    scope: Scope,
    systems: KnownSystems,
) -> Finding | None:
    code = text_of(holder, "code")
    if code is None or system is None:
        return None
    at: tuple[Step, ...] = (("code", "code"),)
    if value_set is not None:
        terminology = scope.run.table.terminology
        if terminology.validate_code(value_set, system, code).verdict == "not-member":
            return Finding("concept-map-code", found=code, expected=value_set, at=at)
        return None
    known = systems.codes(system)
    if known is None or code in known:
        return None
    return Finding("concept-map-code", found=code, expected=system, at=at)
