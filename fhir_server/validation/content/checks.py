"""The rules about the content of resources, by resource type.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from fhir_server.model import JsonObject
from fhir_server.validation.content import (
    bundle,
    code_system,
    concept_map,
    measure,
    measure_report,
    narrative,
    search_parameter,
    structure_definition,
    value_set,
)
from fhir_server.validation.content.known_systems import KnownSystems
from fhir_server.validation.finding import Finding, Findings, join
from fhir_server.validation.reading import text_of
from fhir_server.validation.reference_target import is_absolute
from fhir_server.validation.scope import Plans, Scope

_Check = Callable[[JsonObject, Scope], Findings | None]


def checks_by_type(table: Plans) -> Mapping[str, _Check]:
    """Return the checks that are made of every resource of a type."""
    systems = KnownSystems(table.registry)
    return MappingProxyType(
        {
            "Bundle": bundle.check,
            "CodeSystem": lambda system, _scope: code_system.check(system, systems),
            "ConceptMap": partial(concept_map.check, systems=systems),
            "Measure": measure.check,
            "MeasureReport": measure_report.check,
            "SearchParameter": search_parameter.check,
            "StructureDefinition": structure_definition.check,
            "ValueSet": lambda value_set_json, _scope: value_set.check(value_set_json, systems),
        }
    )


def strict_check(resource: JsonObject, resource_type: str, scope: Scope) -> Findings | None:
    """Check what only a strict validation looks at: narratives, the url of a definition."""
    found = narrative.check(resource)
    types = scope.run.table.registry.types
    url = text_of(resource, "url")
    if url is None or is_absolute(url) or url[:1] == "#":
        return found
    if types.property(resource_type, "useContext") is None:
        return found
    rule = "canonical-contained" if scope.is_contained else "canonical-not-absolute"
    return join(found, [Finding(rule, found=url, at=(("url", "url"),))])
