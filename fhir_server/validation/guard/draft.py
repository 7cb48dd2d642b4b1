"""A profile under check: its differential, its snapshot as a tree, and what each element inherits.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from fhir_server.definitions import Element, Registry, Structure
from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Step
from fhir_server.validation.place import find_element
from fhir_server.validation.scope import Plans

_DIFFERENTIAL: tuple[Step, ...] = (("element", "element"), ("differential", "differential"))


class Said(NamedTuple):
    """One element of the differential.

    Attributes:
        position: Its place in the differential.
        definition: What it says.
        element: The same element of the profile's snapshot.
    """

    position: int
    definition: JsonObject
    element: Element

    def at(self, *keys: str) -> tuple[Step, ...]:
        """Return the steps to a value in it, innermost first; one it lacks is the element."""
        held = keys if keys and keys[0] in self.definition else ()
        return (*((key, key) for key in reversed(held)), self.position, *_DIFFERENTIAL)

    def finding(self, rule: str, *keys: str, **values: object) -> Finding:
        """Report something about it; the message may name the element as ``path``."""
        return Finding(rule, at=self.at(*keys), **{"path": self.element.id, **values})  # type: ignore[arg-type] # placeholders only


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the guard rails look at.

    Attributes:
        definition: The StructureDefinition.
        base: What it constrains.
        structure: The definition itself, compiled from a snapshot made anew.
        table: Other definitions, terminology.
    """

    definition: JsonObject
    base: Structure
    structure: Structure
    table: Plans

    @property
    def registry(self) -> Registry:
        """Other definitions."""
        return self.table.registry

    def said(self) -> Iterator[Said]:
        """Yield the elements of the differential that the snapshot has under the same id."""
        for index, definition in enumerate(self.definition["differential"].get("element", ())):
            element = find_element(self.structure, definition.get("id", definition["path"]))
            if element is not None:
                yield Said(index, definition, element)

    def inherited(self, element_id: str) -> "Inherited | None":
        """Return what an element of the profile had to start from; None: that cannot be told."""
        found = Inherited(self.base.root, is_new_slice=False)
        own: Element | None = self.structure.root
        for part in element_id.split(".")[1:]:
            name, _, slice_name = part.partition(":")
            child = _child(self._children(found.element, own), name)
            own = None if own is None else _child(own.children, name)
            if child is None:
                return None
            found = Inherited(child, is_new_slice=False)
            if slice_name:
                above = _slice(child, slice_name)
                found = Inherited(above or child, is_new_slice=above is None)
                own = None if own is None else _slice(own, slice_name)
        return found

    def _children(self, element: Element, own: Element | None) -> tuple[Element, ...]:
        """Return the children of an element of the base, be they those of its type."""
        if element.children:
            return element.children
        if element.content_reference is not None:
            referred = find_element(self.base, element.content_reference)
            return () if referred is None else referred.children
        types = own.types if own is not None and own.types else element.types
        if len(types) != 1:
            return ()
        profiles = types[0].profiles
        structure = self.registry.structure(profiles[0]) if len(profiles) == 1 else None
        structure = structure or self.registry.type_structure(types[0].code)
        return () if structure is None else structure.root.children


class Inherited(NamedTuple):
    """What an element starts from.

    Attributes:
        element: Of the base, or of the type that the profile walks into.
        is_new_slice: Whether the element is a slice that the base does not have.
    """

    element: Element
    is_new_slice: bool


def _child(children: tuple[Element, ...], name: str) -> Element | None:
    stem = name.removesuffix("[x]")
    return next((child for child in children if child.name == stem), None)


def _slice(element: Element, slice_name: str) -> Element | None:
    """Return a slice by its full name: ``a/b`` hangs below ``a``."""
    for part in element.slices:
        if part.slice_name == slice_name:
            return part
        if slice_name.startswith(f"{part.slice_name}/"):
            return _slice(part, slice_name)
    return None
