"""How far a definition may be relied on: draft, experimental, deprecated or withdrawn.

Spec: https://hl7.org/fhir/R4/versions.html#std-process and
https://hl7.org/fhir/R4/valueset-publication-status.html
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from fhir_server.model import Issue, JsonObject, Severity, issue
from fhir_server.terminology.value_set import CompiledValueSet, canonical_of

Standing = Literal["draft", "experimental", "deprecated", "withdrawn"]

_STANDARDS_STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
_FINISHED: frozenset[Standing] = frozenset({"deprecated", "withdrawn"})


def standings(definition: JsonObject) -> frozenset[Standing]:
    """Return what is to be said about a CodeSystem or ValueSet; nothing about a settled one."""
    found: set[Standing] = set()
    if definition.get("status") == "draft":
        found.add("draft")
    if definition.get("status") == "retired":
        found.add("withdrawn")
    if definition.get("experimental") is True:
        found.add("experimental")
    for extension in definition.get("extension", ()):
        status = extension.get("valueCode")
        if extension.get("url") == _STANDARDS_STATUS and status in _FINISHED:
            found.add(status)
    return frozenset(found)


def remarks(
    value_set: CompiledValueSet | None, code_system: JsonObject | None
) -> Iterator[tuple[JsonObject, Standing]]:
    """Say which of the definitions that decide on a code are not settled.

    A value set that is a draft itself says so to whoever reads it; that its code system is one too
    is no news then.
    """
    own: frozenset[Standing] = frozenset()
    if value_set is not None:
        own = standings(value_set.json)
        for nested in _all(value_set):
            for standing in sorted(standings(nested.json) & _FINISHED):
                yield nested.json, standing
    if code_system is not None:
        for standing in sorted(standings(code_system) - own):
            yield code_system, standing


def status_issues(found: Iterable[tuple[JsonObject, Standing]]) -> Iterator[Issue]:
    """Tell standings as findings: what is finished is a warning, what is young an information."""
    for definition, standing in found:
        severity: Severity = "warning" if standing in _FINISHED else "information"
        shown = canonical_of(definition)
        yield issue("terminology-status", severity=severity, found=shown, expected=standing)


def _all(value_set: CompiledValueSet) -> Iterator[CompiledValueSet]:
    """Yield the value set and those that it includes."""
    yield value_set
    for clause in value_set.includes:
        for nested in clause.value_sets:
            yield from _all(nested)
