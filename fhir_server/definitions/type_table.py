"""The types of a release: elements by type or path, base types, what a summary keeps.

Spec: https://hl7.org/fhir/R4/datatypes.html and https://hl7.org/fhir/R4/search.html#summary
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from fhir_server.model import JsonObject

_FHIRPATH_TYPE = "http://hl7.org/fhirpath/"
_STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"


class ElementType(NamedTuple):
    """What stands at one step of a path.

    Attributes:
        types: FHIR type codes the element may have; an element with children of its own has its
            path as type (``Patient.contact``); a content reference has the type it points to.
        is_choice: Whether the JSON property is ``name`` + type (``valueQuantity``).
        is_collection: Whether it may repeat.
    """

    types: tuple[str, ...]
    is_choice: bool
    is_collection: bool


class Property(NamedTuple):
    """What a JSON property of a type is.

    Attributes:
        name: The element: ``value`` for ``valueQuantity``.
        fhir_type: The type code, or the path where the element has children of its own.
        is_collection: Whether its JSON value is an array.
        is_summary: Whether ``_summary=true`` keeps it.
        is_mandatory: Whether its least cardinality is not 0.
    """

    name: str
    fhir_type: str
    is_collection: bool
    is_summary: bool
    is_mandatory: bool


class ElementRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An element as the compiled package keeps it."""

    name: str
    types: tuple[str, ...]
    is_choice: bool
    is_collection: bool
    is_summary: bool
    is_mandatory: bool


class TypeRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A type, or an element with children of its own, as the compiled package keeps it.

    Attributes:
        base: The type one step up.
        kind: ``resource``, ``complex-type``, ``primitive-type``, ``logical``, ``element``.
        is_abstract: Whether nothing can be of it directly.
        elements: Its elements, inherited ones included, in order.
    """

    base: str | None
    kind: str
    is_abstract: bool
    elements: tuple[ElementRow, ...]


_ROW = msgspec.msgpack.Decoder(TypeRow)


class _Type:
    """A row made fast to ask."""

    __slots__ = ("elements", "mandatory", "names", "properties", "row", "summary")

    def __init__(self, row: TypeRow) -> None:
        self.row = row
        self.names = tuple(element.name for element in row.elements)
        self.elements = {
            e.name: ElementType(e.types, e.is_choice, e.is_collection) for e in row.elements
        }
        self.properties = {
            e.name + type_code[0].upper() + type_code[1:] if e.is_choice else e.name: Property(
                e.name, type_code, e.is_collection, e.is_summary, e.is_mandatory
            )
            for e in row.elements
            for type_code in (e.types if e.is_choice else e.types[:1])
        }
        self.summary = frozenset(e.name for e in row.elements if e.is_summary)
        self.mandatory = frozenset(e.name for e in row.elements if e.is_mandatory)


class _Types(dict[str, "_Type | None"]):
    """Types by name or path, unpacked when they are first asked for."""

    def __init__(self, raw: Mapping[str, msgspec.Raw]) -> None:
        super().__init__()
        self.raw = raw

    def __missing__(self, key: str) -> "_Type | None":
        raw = self.raw.get(key)
        found = self[key] = None if raw is None else _Type(_ROW.decode(raw))
        return found


_NOTHING: frozenset[str] = frozenset()


class TypeTable:
    """The types of one release; the ``TypeModel`` of FHIRPath.

    A type is named by its code (``Patient``, ``HumanName``) or, for an element with children of its
    own, by its path (``Patient.contact``). FHIRPath's own types are written ``System.String``.

    Attributes:
        resource_types: Types a resource can be of, abstract ones left out.
        data_types: Complex and primitive types.
    """

    __slots__ = ("_names", "_types", "data_types", "resource_types")

    def __init__(self, rows: Mapping[str, msgspec.Raw]) -> None:
        self._types = _Types(rows)
        self._names = frozenset(name for name in rows if "." not in name)
        heads = {name: _HEAD.decode(rows[name]) for name in self._names}
        self.resource_types = frozenset(
            name for name, head in heads.items() if head.kind == "resource" and not head.is_abstract
        )
        self.data_types = frozenset(
            name for name, head in heads.items() if head.kind in {"complex-type", "primitive-type"}
        )

    def element(self, fhir_type: str, name: str) -> ElementType | None:
        """Return element ``name`` (``value`` for ``value[x]``) of a type or path; None: none."""
        found = self._types[fhir_type]
        return None if found is None else found.elements.get(name)

    def element_names(self, fhir_type: str) -> tuple[str, ...]:
        """Return the names of all elements of a type or path, inherited ones included, in order."""
        found = self._types[fhir_type]
        return () if found is None else found.names

    def properties(self, fhir_type: str) -> Mapping[str, Property]:
        """Return the JSON properties of a type or path, ``_name`` companions left out."""
        found = self._types[fhir_type]
        return MappingProxyType({} if found is None else found.properties)

    def property(self, fhir_type: str, key: str) -> Property | None:
        """Return what JSON property ``key`` (``valueQuantity``) of a type or path is."""
        found = self._types[fhir_type]
        return None if found is None else found.properties.get(key)

    def base_type(self, fhir_type: str) -> str | None:
        """Return the type one step up (``Patient`` -> ``DomainResource``); None: no more."""
        found = self._types[fhir_type]
        return None if found is None else found.row.base

    def is_subtype(self, fhir_type: str, ancestor: str) -> bool:
        """Say whether ``fhir_type`` is ``ancestor`` or derives from it."""
        current: str | None = fhir_type
        while current is not None:
            if current == ancestor:
                return True
            current = self.base_type(current)
        return False

    def is_type(self, name: str) -> bool:
        """Say whether ``name`` is a type of this release (a path is none)."""
        return name in self._names

    def is_abstract(self, fhir_type: str) -> bool:
        """Say whether nothing can be of the type directly (``DomainResource``)."""
        found = self._types[fhir_type]
        return found is not None and found.row.is_abstract

    def is_primitive(self, fhir_type: str) -> bool:
        """Say whether instances are JSON scalars (``code``, ``dateTime``, ``System.String`` …)."""
        found = self._types[fhir_type]
        if found is None:
            return fhir_type.startswith("System.")
        return found.row.kind == "primitive-type"

    def is_resource(self, fhir_type: str) -> bool:
        """Say whether instances carry ``resourceType``; ``Resource`` itself counts."""
        found = self._types[fhir_type]
        return found is not None and found.row.kind == "resource"

    def summary_elements(self, fhir_type: str) -> frozenset[str]:
        """Return the elements that ``_summary=true`` keeps, by name without ``[x]``."""
        found = self._types[fhir_type]
        return _NOTHING if found is None else found.summary

    def mandatory_elements(self, fhir_type: str) -> frozenset[str]:
        """Return the elements whose least cardinality is not 0, by name without ``[x]``."""
        found = self._types[fhir_type]
        return _NOTHING if found is None else found.mandatory


class _Head(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The first fields of a `TypeRow`; the rest is skipped."""

    base: str | None
    kind: str
    is_abstract: bool


_HEAD = msgspec.msgpack.Decoder(_Head)


def type_rows(structures: Iterable[JsonObject]) -> dict[str, TypeRow]:
    """Make the rows of the type table; profiles and structures without snapshot add nothing.

    What calls itself a specialization of the type it describes is a profile too.
    """
    rows: dict[str, TypeRow] = {}
    for structure in structures:
        is_profile = (
            structure.get("derivation") == "constraint"
            or structure.get("baseDefinition") == f"{_STRUCTURE}{structure.get('type')}"
        )
        if not is_profile and "snapshot" in structure:
            rows.update(_rows_of(structure))
    return rows


def type_code(type_ref: JsonObject) -> str:
    """Return the code of an ElementDefinition's type; FHIRPath's as ``System.String``."""
    return str(type_ref.get("code", "")).removeprefix(_FHIRPATH_TYPE)


def _rows_of(structure: JsonObject) -> Iterable[tuple[str, TypeRow]]:
    elements = structure["snapshot"]["element"]
    owners: dict[str, list[JsonObject]] = {}
    for element in elements[1:]:
        owners.setdefault(element["path"].rpartition(".")[0], []).append(element)
    root = elements[0]["path"]
    by_path = {element["path"]: element for element in elements}
    owners.setdefault(root, [])
    for owner, children in owners.items():
        rows = tuple(_element_row(child, owners) for child in children)
        if owner == root:
            base = structure.get("baseDefinition", "").removeprefix(_STRUCTURE) or None
            yield root, TypeRow(base, structure["kind"], structure.get("abstract", False), rows)
        else:
            types = by_path.get(owner, {}).get("type", ())
            yield owner, TypeRow(type_code(types[0]) if types else None, "element", False, rows)


def _element_row(element: JsonObject, owners: Mapping[str, object]) -> ElementRow:
    path: str = element["path"]
    name = path.rpartition(".")[2]
    is_choice = name.endswith("[x]")
    if "contentReference" in element:
        types: tuple[str, ...] = (element["contentReference"].partition("#")[2],)
    elif path in owners:
        types = (path,)
    else:
        types = tuple(dict.fromkeys(type_code(t) for t in element.get("type", ())))
    maximum = element.get("base", {}).get("max", element.get("max"))
    return ElementRow(
        name.removesuffix("[x]"),
        types,
        is_choice,
        maximum not in {"0", "1"},
        element.get("isSummary", False),
        element.get("min", 0) > 0,
    )
