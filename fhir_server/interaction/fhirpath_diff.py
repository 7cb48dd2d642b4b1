"""What changed between two versions, as a FHIRPath Patch that turns the one into the other.

Spec: https://hl7.org/fhir/R4/fhirpatch.html
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fhir_server.definitions import Property, TypeTable
from fhir_server.model import JsonObject

_OPEN = "Extension"
"""Its ``value[x]`` takes every type that a parameter may have."""


class _Slot(NamedTuple):
    """An element with what stands beside it: ``name`` and ``_name`` in FHIR's JSON."""

    value: Any = None
    companion: Any = None

    @property
    def is_empty(self) -> bool:
        return self.value is None and self.companion is None


def fhirpath_diff(old: JsonObject, new: JsonObject, types: TypeTable) -> JsonObject:
    """Return the patch from ``old`` to ``new``, resources of the same type.

    Lists are compared from both ends, so that one new item is one ``insert``; what is left between
    is compared item by item.

    Args:
        old: A resource.
        new: Another version of it.
        types: The type table.

    Returns:
        Parameters as `apply_fhirpath_patch` takes them; without ``parameter`` where all is equal.
    """
    resource_type = new["resourceType"]
    operations = list(_Differ(types).object(resource_type, resource_type, old, new))
    made: JsonObject = {"resourceType": "Parameters"}
    if operations:
        made["parameter"] = [{"name": "operation", "part": parts} for parts in operations]
    return made


class _Differ:
    """Compares by the types of the definitions."""

    def __init__(self, types: TypeTable) -> None:
        self._types = types
        known = types.element(_OPEN, "value")
        self._open = frozenset(known.types if known else ())

    def object(
        self, path: str, fhir_type: str, old: JsonObject, new: JsonObject
    ) -> Iterator[list[JsonObject]]:
        """Yield what turns one object into the other; what goes, goes first."""
        keys = list(dict.fromkeys(key.removeprefix("_") for key in (*old, *new)))
        known = [(key, self._types.property(fhir_type, key)) for key in keys]
        slots = [(key, one, _slot(old, key), _slot(new, key)) for key, one in known if one]
        for _, one, before, after in slots:
            if after.is_empty and not before.is_empty and not one.is_collection:
                yield [_type("delete"), _path(f"{path}.{one.name}")]
        for _, one, before, after in slots:
            if before == after:
                continue
            if one.is_collection:
                yield from self._list(path, one, before, after)
            elif before.is_empty:
                yield self._add(path, one, after)
            elif not after.is_empty:
                yield from self._changed(f"{path}.{one.name}", one.fhir_type, before, after)

    def _changed(
        self, path: str, fhir_type: str, before: _Slot, after: _Slot
    ) -> Iterator[list[JsonObject]]:
        if before == after:
            return
        if not self._types.is_resource(fhir_type) and _have_common(before.value, after.value):
            yield from self.object(path, fhir_type, before.value, after.value)
        else:
            yield [_type("replace"), _path(path), self._part("value", fhir_type, after)]

    def _list(
        self, path: str, one: Property, before: _Slot, after: _Slot
    ) -> Iterator[list[JsonObject]]:
        old, new = _items(before), _items(after)
        head, tail = _common_ends(old, new)
        old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
        whole = f"{path}.{one.name}"
        for at, (was, now) in enumerate(zip(old_middle, new_middle, strict=False), head):
            yield from self._changed(f"{whole}[{at}]", one.fhir_type, was, now)
        paired = min(len(old_middle), len(new_middle))
        for at in reversed(range(head + paired, head + len(old_middle))):
            yield [_type("delete"), _path(f"{whole}[{at}]")]
        for at, now in enumerate(new_middle[paired:], head + paired):
            if tail:
                index: JsonObject = {"name": "index", "valueInteger": at}
                value = self._part("value", one.fhir_type, now)
                yield [_type("insert"), _path(whole), index, value]
            else:
                yield self._add(path, one, now)

    def _add(self, path: str, one: Property, slot: _Slot) -> list[JsonObject]:
        name = {"name": "name", "valueString": one.name}
        return [_type("add"), _path(path), name, self._part("value", one.fhir_type, slot)]

    def _part(self, name: str, fhir_type: str, slot: _Slot) -> JsonObject:
        """Write an element as a parameter: by its type, or by its parts where it has none."""
        if self._types.is_resource(fhir_type):
            return {"name": name, "resource": slot.value}
        if self._types.is_primitive(fhir_type):
            spelled = fhir_type if fhir_type in self._open else "string"
            key = f"value{spelled[0].upper()}{spelled[1:]}"
            made = {"name": name, key: slot.value, f"_{key}": slot.companion}
            return {key: value for key, value in made.items() if value is not None}
        if fhir_type in self._open:
            return {"name": name, f"value{fhir_type}": slot.value}
        return {"name": name, "part": list(self._parts(fhir_type, slot.value))}

    def _parts(self, fhir_type: str, value: JsonObject) -> Iterator[JsonObject]:
        for key in dict.fromkeys(key.removeprefix("_") for key in value):
            one = self._types.property(fhir_type, key)
            if one is None:
                continue
            slot = _slot(value, key)
            for item in _items(slot) if one.is_collection else (slot,):
                yield self._part(one.name, one.fhir_type, item)


def _have_common(old: Any, new: Any) -> bool:
    """Say whether two objects share an element: one that loses all it has would go itself."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return False
    names = [{key.removeprefix("_") for key in value} for value in (old, new)]
    return not names[0].isdisjoint(names[1])


def _slot(value: JsonObject, key: str) -> _Slot:
    return _Slot(value.get(key), value.get(f"_{key}"))


def _items(slot: _Slot) -> list[_Slot]:
    values, companions = slot.value or [], slot.companion or []
    length = max(len(values), len(companions))
    values = [*values, *[None] * (length - len(values))]
    companions = [*companions, *[None] * (length - len(companions))]
    return [_Slot(*pair) for pair in zip(values, companions, strict=True)]


def _common_ends(old: Sequence[_Slot], new: Sequence[_Slot]) -> tuple[int, int]:
    """Return how many items are equal at the beginning, and how many of the rest at the end."""
    most = min(len(old), len(new))
    head = next((at for at in range(most) if old[at] != new[at]), most)
    rest = most - head
    tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    return head, tail


def _type(operation: str) -> JsonObject:
    return {"name": "type", "valueCode": operation}


def _path(path: str) -> JsonObject:
    return {"name": "path", "valueString": path}
