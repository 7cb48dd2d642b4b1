"""What is known about a collection before an expression runs: types, order, how many.

Spec: http://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from fhir_server.fhirpath import tree as nodes
from fhir_server.fhirpath.type_model import TypeModel
from fhir_server.fhirpath.value import QUANTITY_TYPES

Types = frozenset[str] | None
"""The types that items may have; None: nothing is known."""

Kind = Literal["number", "text", "temporal", "time", "quantity", "boolean", "other"]
"""Types whose values can be compared with each other are of one kind."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known about a collection.

    Attributes:
        types: None: nothing; empty: there are no items at all.
        is_ordered: Whether positions mean something.
        is_single: Whether there is one item at most.
    """

    types: Types = None
    is_ordered: bool = True
    is_single: bool = False

    def of(self, types: Types) -> "Shape":
        """Return the same collection with other types."""
        return replace(self, types=types)

    def alone(self) -> "Shape":
        """Return one item of it."""
        return replace(self, is_single=True)

    def __str__(self) -> str:
        """Write it as people read it: ``string[]``, ``Quantity | Period``, ``any[]``."""
        names = sorted(t.removeprefix("System.") for t in self.types or ()) or ["any"]
        return " | ".join(names) + ("" if self.is_single else "[]")


UNKNOWN = Shape()


def of_system(name: str) -> Shape:
    """Return the shape of one value of a type of FHIRPath's own."""
    return Shape(frozenset({f"System.{name}"}), is_single=True)


BOOLEAN, STRING, QUANTITY = of_system("Boolean"), of_system("String"), of_system("Quantity")
INTEGER, DECIMAL = of_system("Integer"), of_system("Decimal")
EMPTY = Shape(frozenset(), is_single=True)

_SIMPLE: Mapping[type, Shape] = MappingProxyType(
    {
        nodes.Empty: EMPTY,
        nodes.String: STRING,
        nodes.Boolean: BOOLEAN,
        nodes.Quantity: QUANTITY,
    }
)


def of_literal(tree: nodes.Tree) -> Shape | None:
    """Return the shape of a literal; None: it is none."""
    if isinstance(tree, nodes.Number):
        return DECIMAL if "." in tree.text else INTEGER
    if isinstance(tree, nodes.Temporal):
        is_time = tree.text.startswith("T")
        return of_system("Time" if is_time else "DateTime" if "T" in tree.text else "Date")
    return _SIMPLE.get(type(tree))


def either(*shapes: Shape) -> Shape:
    """Return what is known of items that come from any of the shapes."""
    known: set[str] = set()
    is_ordered = all(shape.is_ordered for shape in shapes)
    for shape in shapes:
        if shape.types is None:
            return Shape(None, is_ordered)
        known |= shape.types
    return Shape(frozenset(known), is_ordered)


_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "System.Integer": "number", "System.Decimal": "number", "integer": "number",
        "decimal": "number", "positiveInt": "number", "unsignedInt": "number",
        "System.Boolean": "boolean", "boolean": "boolean",
        "System.Date": "temporal", "System.DateTime": "temporal", "date": "temporal",
        "dateTime": "temporal", "instant": "temporal",
        "System.Time": "time", "time": "time",
        "System.String": "text", "System.Quantity": "quantity",
        **dict.fromkeys(QUANTITY_TYPES, "quantity"),
    }
)  # fmt: skip


def kind_of(fhir_type: str, model: TypeModel) -> Kind:
    """Say of which kind the values of a type are; every other primitive is text."""
    known = _KINDS.get(fhir_type)
    if known is not None:
        return known
    return "text" if model.is_primitive(fhir_type) else "other"
