"""What XML calls the elements of each type: names, order, what is an attribute, how values read.

Everything is worked out from the definitions; only ``xhtml``, the type with a representation of its
own, is known by name.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fhir_server.definitions import TypeTable

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"
_XHTML_TYPE = "xhtml"
_SYSTEM = "System."

Kind = Literal["primitive", "complex", "resource", "xhtml"]
Scalar = Literal["string", "boolean", "integer", "decimal"]
_SCALARS: Mapping[str, Scalar] = {
    "System.Boolean": "boolean",
    "System.Integer": "integer",
    "System.Decimal": "decimal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """An element that XML writes as an element.

    Attributes:
        name: The element (``value``), a step of FHIRPath.
        key: JSON property, which is the XML name too (``valueQuantity``).
        order: Place among the elements of its type; the variants of a choice share one.
        fhir_type: Type of the content.
        kind: How the content is written.
        is_collection: Whether JSON has an array.
    """

    name: str
    key: str
    order: int
    fhir_type: str
    kind: Kind
    is_collection: bool


class Orders(dict[str, int]):
    """Place of each JSON property; what is not known comes last."""

    def __missing__(self, key: str) -> int:
        return _LAST


_LAST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlType:
    """A type as XML writes it.

    Attributes:
        fhir_type: The type code or path.
        scalar: For a primitive type: what its JSON value is.
        fields: Elements by JSON property.
        by_name: The same by XML name as expat tells it: namespace, space, local name.
        attributes: Properties that XML writes as attributes (``id``, ``url``).
        orders: Place of each JSON property, ``_name`` companions included.
    """

    fhir_type: str
    scalar: Scalar
    fields: Mapping[str, Field]
    by_name: Mapping[str, Field]
    attributes: tuple[str, ...]
    orders: Orders = field(default_factory=Orders)


UNKNOWN = XmlType(fhir_type="", scalar="string", fields={}, by_name={}, attributes=("id", "url"))
"""Stands for a type the definitions do not have: content is read and written by its shape."""


class Vocabulary(dict[str, XmlType]):
    """XML types by type code or path, worked out when they are first asked for."""

    def __init__(self, types: TypeTable) -> None:
        super().__init__()
        self._types = types

    def __missing__(self, fhir_type: str) -> XmlType:
        found = self[fhir_type] = self._made(fhir_type)
        return found

    def is_resource(self, fhir_type: str) -> bool:
        """Say whether the definitions have a resource type of that name."""
        return fhir_type in self._types.resource_types

    def _made(self, fhir_type: str) -> XmlType:
        types = self._types
        names = types.element_names(fhir_type)
        if types.is_primitive(fhir_type):
            names = tuple(name for name in names if name != "value")
        elif not names:
            return UNKNOWN
        places = {name: place for place, name in enumerate(names)}
        is_resource = types.is_resource(fhir_type)
        fields: dict[str, Field] = {}
        attributes: list[str] = []
        for key, found in types.properties(fhir_type).items():
            if found.name not in places:
                continue
            if found.fhir_type.startswith(_SYSTEM) and not is_resource:
                attributes.append(key)
            else:
                content = _fhir_type(found.fhir_type)
                fields[key] = Field(
                    name=found.name,
                    key=key,
                    order=places[found.name],
                    fhir_type=content,
                    kind=self._kind(content),
                    is_collection=found.is_collection,
                )
        orders = Orders({key: f.order for key, f in fields.items()})
        orders.update({f"_{key}": f.order for key, f in fields.items()})
        return XmlType(
            fhir_type=fhir_type,
            scalar=self._scalar(fhir_type),
            fields=fields,
            by_name={f"{_namespace(f)} {key}": f for key, f in fields.items()},
            attributes=tuple(attributes),
            orders=orders,
        )

    def _kind(self, fhir_type: str) -> Kind:
        if fhir_type == _XHTML_TYPE:
            return "xhtml"
        if self._types.is_resource(fhir_type):
            return "resource"
        return "primitive" if self._types.is_primitive(fhir_type) else "complex"

    def _scalar(self, fhir_type: str) -> Scalar:
        """A type that restricts another one (``positiveInt``) has that one's JSON value."""
        current: str | None = fhir_type
        while current is not None:
            value = self._types.element(current, "value")
            if value is not None and value.types[0] in _SCALARS:
                return _SCALARS[value.types[0]]
            current = self._types.base_type(current)
        return "string"


def _fhir_type(fhir_type: str) -> str:
    """``Resource.id`` is a ``System.String`` in the definitions and an element all the same."""
    name = fhir_type.removeprefix(_SYSTEM)
    return fhir_type if name == fhir_type else name[0].lower() + name[1:]


def _namespace(found: Field) -> str:
    return XHTML if found.kind == "xhtml" else FHIR
