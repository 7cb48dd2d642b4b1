"""Paths through JSON find what the FHIRPath engine finds (decision 50).

Spec: https://hl7.org/fhir/R4/searchparameter.html
"""

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.definitions import Registry, SearchParameter, load_registry
from fhir_server.fhirpath import Env, Node, compile_expression, root_node
from fhir_server.search.gathered import Gathered, IndexOptions
from fhir_server.search.params import KINDS
from fhir_server.search.plan import PlanCompiler
from tests.support.random_resource import random_resource

OPTIONS = IndexOptions(base_urls=("https://fhir.example.org/fhir",))
TYPES = (
    "Patient", "Observation", "Encounter", "Condition", "MedicationRequest", "ServiceRequest",
    "PlanDefinition", "Immunization", "Composition", "Bundle", "Group", "Location", "Invoice",
    "RiskAssessment", "CodeSystem",
)  # fmt: skip


@cache
def registry() -> Registry:
    return load_registry(national=False)


class ByName:
    """``resolve()`` by the type that a reference names, or that the resource contains."""

    def __init__(self, resource: dict[str, Any]) -> None:
        self._resource = resource

    def resolve(self, reference: str, node: Node) -> Node | None:
        if reference.startswith("#"):
            inner = [r for r in self._resource.get("contained", ()) if r["id"] == reference[1:]]
            return root_node(inner[0], registry().types) if inner else None
        named = reference.removeprefix("https://fhir.example.org/fhir/").partition("/")[0]
        if ":" in reference and ":" in named:
            link = node.value if isinstance(node.value, dict) else node.parent and node.parent.value
            named = link.get("type", "") if isinstance(link, dict) else ""
        is_type = registry().types.is_resource(named)
        return Node({"resourceType": named}, named) if is_type else None

    def member_of(self, node: Node, value_set: str) -> bool | None:
        return None

    def conforms_to(self, node: Node, profile: str) -> bool | None:
        return None


def by_engine(resource: dict[str, Any], parameter: SearchParameter) -> set[Any]:
    """The values of what the engine makes of the whole expression."""
    into = Gathered(resource)
    root = root_node(resource, registry().types)
    expression = compile_expression(parameter.expression or "", registry().types)
    for found in expression.evaluate(root, Env(resource=root, host=ByName(resource))):
        fhir_type = {"System.Boolean": "boolean"}.get(found.fhir_type, found.fhir_type)
        writer = KINDS[parameter.type].writer(parameter.code, fhir_type, OPTIONS)
        if writer is not None and found.value is not None:
            writer(found.value, into)
    return set(into.found)


def by_path(resource: dict[str, Any], parameter: SearchParameter) -> set[Any]:
    into = Gathered(resource)
    PlanCompiler(registry(), OPTIONS, resource["resourceType"]).plan((parameter,)).run(
        resource, into
    )
    return set(into.found)


@pytest.mark.parametrize("resource_type", TYPES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_paths_find_what_the_engine_finds(resource_type: str, data: st.DataObject) -> None:
    resource = data.draw(random_resource(registry().types, resource_type))
    for parameter in registry().search_parameters(resource_type).values():
        if parameter.expression is None or parameter.type == "composite" or parameter.code == "_id":
            continue
        assert by_path(resource, parameter) == by_engine(resource, parameter), parameter.code
