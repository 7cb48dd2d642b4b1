"""Contained resources in the index: with the resource around them, under names of their own.

Chains find them under the name of the parameter that refers to them, searches for contained
resources (``_contained``) under `CONTAINED`, whatever refers to them.

Spec: https://hl7.org/fhir/R4/search.html#contained
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

from fhir_server.model import JsonObject
from fhir_server.search.tree import (
    And,
    Chain,
    CompositeMatch,
    Has,
    IdMatch,
    Leaf,
    Missing,
    Node,
    Not,
    Or,
    TypeMatch,
)
from fhir_server.search.values import CompositeValue, IndexValue, TokenValue

CONTAINED = "_contained"
"""The parameter that stands for ``contained`` itself.

Its own values are tokens, type and id of each contained resource; there is no search parameter of
that code.
"""


def inner_name(parameter: str, resource_type: str, inner: str) -> str:
    """Return the name of ``inner`` in a contained resource that ``parameter`` refers to."""
    return f"{parameter}:{resource_type}.{inner}"


def contained_by_id(resource: JsonObject) -> dict[str, JsonObject]:
    """Return the contained resources by what stands behind ``#``; the first of an id counts."""
    found: dict[str, JsonObject] = {}
    contained = resource.get("contained")
    for inner in contained if contained.__class__ is list else ():
        inner_id = inner.get("id") if inner.__class__ is dict else None
        if inner_id.__class__ is str:
            found.setdefault(inner_id, inner)
    return found


def contained_key(inner: JsonObject) -> TokenValue:
    """Return the value that says which contained resource there is."""
    return TokenValue(CONTAINED, inner["resourceType"], inner["id"])


def renamed(
    values: Iterable[IndexValue | CompositeValue], parameter: str, resource_type: str
) -> Iterator[IndexValue | CompositeValue]:
    """Yield the values of a contained resource as those of the parameter that refers to it."""
    for value in values:
        name = inner_name(parameter, resource_type, value.parameter)
        if isinstance(value, CompositeValue):
            components = tuple(
                part._replace(parameter=inner_name(parameter, resource_type, part.parameter))
                for part in value.components
            )
            yield CompositeValue(name, components)
        else:
            yield value._replace(parameter=name)


def inner_node(node: Node, parameter: str, resource_type: str) -> Node | None:
    """Return what asks a resource for what ``node`` asks a contained one of it.

    None: what it asks cannot be asked that way. Only what asks for a value can: ``:not`` and
    ``:missing`` are about all values of a resource, and these are those of several.
    """
    if isinstance(node, Or):
        found = [inner_node(part, parameter, resource_type) for part in node.parts]
        parts = tuple(part for part in found if part is not None)
        return Or(parts=parts) if parts else None
    if isinstance(node, And | Not | Has | Missing | IdMatch | TypeMatch):
        return None
    if isinstance(node, Chain):
        return replace(node, parameter=inner_name(parameter, resource_type, node.parameter))
    return _inner_leaf(node, parameter, resource_type)


def _inner_leaf(leaf: Any, parameter: str, resource_type: str) -> Leaf:
    name = inner_name(parameter, resource_type, leaf.parameter)
    if not isinstance(leaf, CompositeMatch):
        return cast(Leaf, replace(leaf, parameter=name))
    values = tuple(
        tuple(_inner_leaf(part, parameter, resource_type) for part in parts)
        for parts in leaf.values
    )
    return replace(leaf, parameter=name, values=values)
