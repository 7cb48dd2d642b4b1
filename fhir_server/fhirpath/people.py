"""The door for people and scripts: a resource, an expression, JSON values.

Spec: https://hl7.org/fhir/R4/fhirpath.html
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from fhir_server.definitions import Registry, load_registry
from fhir_server.fhirpath.analysis import Analysis, check_expression
from fhir_server.fhirpath.environment import Env
from fhir_server.fhirpath.expression import Expression, compile_expression
from fhir_server.fhirpath.navigation import Navigator
from fhir_server.fhirpath.node import Node, root_node
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.temporal import Temporal
from fhir_server.fhirpath.value import UCUM_SYSTEM, wrap
from fhir_server.model import JsonObject, split_canonical


def evaluate(
    resource: JsonObject | None,
    expression: str,
    variables: Mapping[str, Any] | None = None,
    *,
    trace: Callable[[str, list[Any]], None] | None = None,
) -> list[Any]:
    """Evaluate an expression on an R4 resource.

    Args:
        resource: The focus; None: there is none.
        expression: FHIRPath, taken strictly: an element that the type does not have is an error.
        variables: Values of ``%name``: JSON scalars, resources, or lists of these.
        trace: Gets what ``trace()`` sees: its name and JSON values.

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
    env = Env(variables=given, host=_DefinitionsHost(registry), trace=_in_json(trace))
    return [to_json(item) for item in compiled.evaluate(focus, env)]


def _in_json(
    trace: Callable[[str, list[Any]], None] | None,
) -> Callable[[str, Sequence[Node]], None] | None:
    if trace is None:
        return None
    return lambda name, nodes: trace(name, [to_json(item) for item in nodes])


def judge(expression: str, context_types: Collection[str] = ()) -> Analysis:
    """Judge an expression against the definitions of R4 and of the country, without running it.

    Args:
        expression: FHIRPath.
        context_types: The types its focus may have; none: nothing is known of it.
    """
    navigator = _navigator()
    return check_expression(
        expression,
        navigator.model,
        context_types=context_types,
        variables={},
        navigator=navigator,
    )


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
