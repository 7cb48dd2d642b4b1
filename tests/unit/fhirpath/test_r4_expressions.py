"""Every invariant and every search parameter of R4 compiles and runs.

Spec: https://hl7.org/fhir/R4/fhirpath.html
"""

import pytest

from fhir_server.definitions import Registry
from fhir_server.fhirpath import (
    Env,
    FhirPathError,
    Navigator,
    Node,
    compile_expression,
    node,
    root_node,
)
from tests.support.full_value import full_value

WRONG_ON_THEIR_OWN_TYPE = {"cid-0", "ele-1", "inv-1"}
"""``cid-0`` asks ChargeItemDefinition for a ``name``, ``inv-1`` an Extension for foreign elements
and Event for ``notDoneReason``; ``ele-1`` stands on patterns (Event, Request …) without id."""


class Types:
    """``resolve()`` by what the reference says; everything is a member and conforms."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def resolve(self, reference: str, node: Node) -> Node | None:
        name = reference.partition("/")[0]
        is_type = name in self._registry.types.resource_types
        return Node({"resourceType": name}, name) if is_type else None

    def member_of(self, node: Node, value_set: str) -> bool | None:
        return True

    def conforms_to(self, node: Node, profile: str) -> bool | None:
        return True


def invariants(registry: Registry) -> set[tuple[str, str, str]]:
    """Key, expression and element path of each invariant wherever it stands."""
    return {
        (constraint["key"], constraint["expression"], element["path"])
        for structure in registry.resources("StructureDefinition")
        for element in structure.get("snapshot", {}).get("element", ())
        for constraint in element.get("constraint", ())
        if "expression" in constraint
    }


def search_expressions(registry: Registry) -> dict[str, list[str]]:
    return {
        parameter["expression"]: parameter["base"]
        for parameter in registry.resources("SearchParameter")
        if "expression" in parameter
    }


def test_every_invariant_runs(registry: Registry, navigator: Navigator) -> None:
    found = invariants(registry)
    assert len({(key, expression) for key, expression, _ in found}) >= 248
    ran = set()
    for key, expression, path in found:
        root, _, rest = path.replace("[x]", "").partition(".")
        if not registry.types.is_type(root) or registry.types.is_abstract(root):
            continue
        full = node(full_value(registry.types, root), root)
        steps = ".".join(f"`{name}`[0]" for name in rest.split(".")) if rest else "$this"
        element = compile_expression(steps, registry.types, navigator=navigator).evaluate(full)
        compiled = compile_expression(expression, registry.types, navigator=navigator)
        for one in element:
            compiled.holds(one, Env(resource=full, root_resource=full, host=Types(registry)))
            ran.add(key)
    assert len(ran) >= 240


def test_every_invariant_fits_the_type_it_stands_on(
    registry: Registry, navigator: Navigator
) -> None:
    refused = set()
    for key, expression, path in invariants(registry):
        if not registry.types.element_names(path):
            continue
        try:
            compile_expression(expression, registry.types, context_type=path, navigator=navigator)
        except FhirPathError:
            refused.add(key)
    assert refused <= WRONG_ON_THEIR_OWN_TYPE


def test_every_search_expression_runs(registry: Registry, navigator: Navigator) -> None:
    found = search_expressions(registry)
    resources: dict[str, Node] = {}
    results = 0
    for expression, bases in found.items():
        compiled = compile_expression(expression, registry.types, navigator=navigator)
        for base in bases:
            if base not in registry.types.resource_types:
                continue
            if base not in resources:
                resources[base] = root_node(full_value(registry.types, base), registry.types)
            results += len(compiled.evaluate(resources[base], Env(host=Types(registry))))
    assert results > len(found)


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        ("Observation.value as Quantity", ["Observation.value"]),
        ("Observation.subject.where(resolve() is Patient)", ["Observation.subject"]),
        ("Observation.subject.where(resolve() is Group)", []),
        ("Observation.code | Observation.component.code", ["Observation.code"]),
    ],
)
def test_the_common_search_expressions_select_the_right_elements(
    expression: str, paths: list[str], registry: Registry
) -> None:
    resource = {
        "resourceType": "Observation",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/1"},
        "valueQuantity": {"value": 1},
    }
    compiled = compile_expression(expression, registry.types)
    found = compiled.evaluate(root_node(resource, registry.types), Env(host=Types(registry)))
    assert [item.path(registry.types) for item in found] == paths
