"""The door for people and scripts: a resource, an expression, JSON values.

Spec: https://hl7.org/fhir/R4/fhirpath.html
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from fhir_server.definitions import Registry, load_registry
from fhir_server.fhirpath.environment import Env
from fhir_server.fhirpath.expression import Expression, compile_expression
from fhir_server.fhirpath.navigation import Navigator
from fhir_server.fhirpath.node import Node, root_node
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.temporal import Temporal
from fhir_server.fhirpath.value import UCUM_SYSTEM, wrap
from fhir_server.model import JsonObject, split_canonical


def evaluate(
    resource: JsonObject | None, expression: str, variables: Mapping[str, Any] | None = None
) -> list[Any]:
    """Evaluate an expression on an R4 resource.

    Args:
        resource: The focus; None: there is none.
        expression: FHIRPath, taken strictly: an element that the type does not have is an error.
        variables: Values of ``%name``: JSON scalars, resources, or lists of these.

    Returns:
        JSON values: dates and times as strings, quantities as objects, elements as they stand in
        the resource.

    Raises:
        FhirPathError: The expression is refused, or its evaluation must stop.
        ValueError: ``resource`` has no known ``resourceType``.
    """
    registry = _registry()
    focus = [] if resource is None else [root_node(resource, registry.types)]
    compiled = _compiled(expression, focus[0].fhir_type if focus else None)
    given = {name: _nodes(value, registry) for name, value in (variables or {}).items()}
    found = compiled.evaluate(focus, Env(variables=given, host=_DefinitionsHost(registry)))
    return [to_json(item) for item in found]


@cache
def _registry() -> Registry:
    return load_registry()


@cache
def _navigator() -> Navigator:
    return Navigator(_registry().types)


@lru_cache(maxsize=256)
def _compiled(text: str, context_type: str | None) -> Expression:
    navigator = _navigator()
    return compile_expression(
        text, navigator.model, is_strict=True, context_type=context_type, navigator=navigator
    )


class _DefinitionsHost:
    """Answers what the definitions alone can tell."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def resolve(self, reference: str, node: Node) -> Node | None:
        """Nothing lies outside of the resource."""
        return None

    def member_of(self, node: Node, value_set: str) -> bool | None:
        """Value sets need the terminology above."""
        return None

    def conforms_to(self, node: Node, profile: str) -> bool | None:
        """Tell types apart; profiles need the validator above."""
        structure = self._registry.structure(split_canonical(profile)[0])
        if structure is None or structure.derivation == "constraint":
            return None
        return self._registry.types.is_subtype(node.fhir_type, structure.type)


def _nodes(value: Any, registry: Registry) -> Sequence[Node]:
    if isinstance(value, list):
        return [node for item in value for node in _nodes(item, registry)]
    if isinstance(value, dict):
        return [root_node(value, registry.types)]
    return [wrap(value)]


def to_json(item: Node) -> Any:
    """Return a node as JSON: times as strings, quantities as objects, elements as they stand."""
    value = item.value
    if isinstance(value, Temporal):
        return str(value)
    if isinstance(value, Quantity):
        found = {"value": value.value, "unit": value.unit}
        return found if value.is_calendar else {**found, "system": UCUM_SYSTEM, "code": value.unit}
    return item.sibling if value is None else value
