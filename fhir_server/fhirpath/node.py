"""What an expression walks over and returns: a value with its type and its place.

Nodes are `msgspec.Struct`: every step of a path makes some, and one costs 34 ns against 103 for a
class with slots and 155 for a named tuple (see docs/decisions/0010).

Spec: https://hl7.org/fhir/R4/fhirpath.html#types
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from fhir_server.fhirpath.type_model import TypeModel
from fhir_server.model import JsonObject, escape


class Node(msgspec.Struct, frozen=True, gc=False, eq=False):
    """One item of a collection.

    Attributes:
        value: The JSON value of an element (None where a primitive has only extensions), or the
            value of a FHIRPath type: bool, int, Decimal, str, `Temporal`, `Quantity`.
        fhir_type: ``Patient``, ``HumanName``, ``Patient.contact``, ``code`` …; ``System.String`` …
            for what expressions compute.
        sibling: The ``_name`` object of a primitive: its id and extensions.
        parent: The node it was reached from by its key; None at a root and for computed values.
        key: The JSON property in the parent.
        index: The place in the property's array; None where the property has no array.
    """

    value: Any
    fhir_type: str
    sibling: JsonObject | None = None
    parent: "Node | None" = None
    key: str | None = None
    index: int | None = None

    def ancestors(self) -> Iterator["Node"]:
        """Yield the node itself, then each one around it, the root last."""
        current: Node | None = self
        while current is not None:
            yield current
            current = current.parent

    @property
    def pointer(self) -> str:
        """JSON Pointer of the node's value in the root's JSON; "" for a root."""
        steps = []
        for node in self.ancestors():
            if node.key is not None:
                steps.append(
                    escape(node.key) if node.index is None else f"{escape(node.key)}/{node.index}"
                )
        return "".join(f"/{step}" for step in reversed(steps))

    def path(self, model: TypeModel) -> str:
        """FHIRPath of the node with indexes, such as ``Patient.name[0].given[1]``.

        A choice is written as FHIRPath does: ``Observation.value`` for ``valueQuantity``.
        """
        steps = []
        for node in self.ancestors():
            name = node.fhir_type if node.key is None else _element_name(node, node.key, model)
            steps.append(name if node.index is None else f"{name}[{node.index}]")
        return ".".join(reversed(steps))


def _element_name(node: Node, key: str, model: TypeModel) -> str:
    """``valueQuantity`` of type ``Quantity`` is element ``value``; ``birthDate`` is one itself."""
    if node.parent is None or model.element(node.parent.fhir_type, key) is not None:
        return key
    return key.removesuffix(node.fhir_type[0].upper() + node.fhir_type[1:]) or key


def root_node(resource: JsonObject, model: TypeModel) -> Node:
    """Return the node of a whole resource; its type is what ``resourceType`` says.

    Raises:
        ValueError: ``resourceType`` is missing or no resource type of ``model``.
    """
    fhir_type = resource.get("resourceType")
    if not isinstance(fhir_type, str) or not model.is_resource(fhir_type):
        raise ValueError(f"{fhir_type!r} is no resource type")
    return Node(resource, fhir_type)


def node(value: Any, fhir_type: str, sibling: JsonObject | None = None) -> Node:
    """Return the node of an element that a caller found on its own way.

    Args:
        value: Its JSON value, one item of an array.
        fhir_type: Its type code, or its path where it has children of its own.
        sibling: The ``_name`` object of a primitive.
    """
    return Node(value, fhir_type, sibling)


TRUE = Node(True, "System.Boolean")
FALSE = Node(False, "System.Boolean")


def boolean(value: bool) -> Node:
    """Return the node of a computed Boolean."""
    return TRUE if value else FALSE
