"""A StructureDefinition that constrains another: its snapshot can be made, it keeps to its base.

Spec: https://hl7.org/fhir/R4/profiling.html#limitations
"""

from fhir_server.definitions import DefinitionErrors, Registry, Structure, snapshot
from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.place import find_element
from fhir_server.validation.rules.fixed import equals
from fhir_server.validation.scope import Scope

_DIFFERENTIAL: tuple[Step, ...] = (("element", "element"), ("differential", "differential"))


def check(definition: JsonObject, scope: Scope) -> Findings | None:
    """Check a definition whose shape is sound; without its base here there is nothing to compare.

    Args:
        definition: The StructureDefinition.
        scope: Made for it.
    """
    registry = scope.run.table.registry
    base_url = definition.get("baseDefinition")
    if not isinstance(base_url, str) or base_url == definition.get("url"):
        return None
    base = registry.structure(base_url)
    if base is None or definition.get("derivation") != "constraint":
        return None
    found = _snapshot_faults(definition, registry) + _loosened(definition, base)
    return found or None


def _snapshot_faults(definition: JsonObject, registry: Registry) -> Findings:
    if "differential" not in definition:
        return []
    try:
        snapshot({k: v for k, v in definition.items() if k != "snapshot"}, registry)
    except DefinitionErrors as errors:
        return [Finding(issue.rule, issue=issue) for issue in errors.issues]
    return []


def _loosened(definition: JsonObject, base: Structure) -> Findings:
    """Report fixed values that are other ones than those of the base."""
    found: Findings = []
    elements = definition.get("differential", {}).get("element", ())
    for index, element in enumerate(elements):
        above = find_element(base, element.get("id", element.get("path")))
        if above is None or above.fixed is None:
            continue
        key = next((key for key in element if key.startswith("fixed")), None)
        if key is not None and not equals(element[key], above.fixed.value):
            found.append(
                Finding(
                    "fixed-contradicts-base",
                    source=base.url,
                    found=str(element[key]),
                    expected=str(above.fixed.value),
                    at=((key, key), index, *_DIFFERENTIAL),
                )
            )
    return found
