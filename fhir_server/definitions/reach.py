"""Elements by id, also where a snapshot leaves them to the definition of their type.

Spec: https://hl7.org/fhir/R4/elementdefinition.html#id
"""

from typing import NamedTuple, Protocol

from fhir_server.definitions.elements import Element, Structure


class Structures(Protocol):
    """Where other structures are looked up; a registry is one."""

    def structure(self, canonical: str) -> Structure | None:
        """Return a structure by canonical."""

    def type_structure(self, fhir_type: str) -> Structure | None:
        """Return the definition of a type."""


class Reached(NamedTuple):
    """What an id leads to.

    Attributes:
        element: The element; the sliced one where the slice is not there.
        is_new_slice: Whether the id names a slice that the structure does not have.
    """

    element: Element
    is_new_slice: bool


def reach(
    structure: Structure, element_id: str, structures: Structures, guide: Structure | None = None
) -> Reached | None:
    """Follow an element id from the root of a structure.

    Args:
        structure: Where to start.
        element_id: Such as ``Patient.identifier:rnokpp.value``; its first step is the root.
        structures: Types and profiles to walk into.
        guide: A profile on the structure, whose narrower types are walked into instead.

    Returns:
        The element; None: there is none, or a choice of types leaves open which.
    """
    found = Reached(structure.root, is_new_slice=False)
    own = None if guide is None else guide.root
    for part in element_id.split(".")[1:]:
        name, _, slice_name = part.partition(":")
        child = _child(_children(found.element, own, structure, structures), name)
        own = None if own is None else _child(own.children, name)
        if child is None:
            return None
        found = Reached(child, is_new_slice=False)
        if slice_name:
            above = _slice(child, slice_name)
            found = Reached(above or child, is_new_slice=above is None)
            own = None if own is None else _slice(own, slice_name)
    return found


def find_element(structure: Structure, element_id: str) -> Element | None:
    """Return an element that the snapshot itself has, by its id; None: there is none."""
    waiting = [structure.root]
    while waiting:
        element = waiting.pop()
        if element.id == element_id:
            return element
        waiting += element.children
        waiting += element.slices
    return None


def _children(
    element: Element, own: Element | None, structure: Structure, structures: Structures
) -> tuple[Element, ...]:
    """Return the children of an element, be they those of its type."""
    if element.children:
        return element.children
    if element.content_reference is not None:
        referred = find_element(structure, element.content_reference)
        return () if referred is None else referred.children
    types = own.types if own is not None and own.types else element.types
    if len(types) != 1:
        return ()
    profiles = types[0].profiles
    inner = structures.structure(profiles[0]) if len(profiles) == 1 else None
    inner = inner or structures.type_structure(types[0].code)
    return () if inner is None else inner.root.children


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
