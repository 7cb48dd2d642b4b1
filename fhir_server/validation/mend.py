"""JSON Patches that mend a finding, and how far a removal must reach to leave nothing empty.

A patch is proposed only where it is safe: applied, its finding is gone and no error is new.

Spec: https://www.rfc-editor.org/rfc/rfc6902
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from fhir_server.definitions import Element, Registry, Structure
from fhir_server.model import Issue, JsonObject, escape

Mend = tuple[str, Any]
"""``replace`` and the value, ``remove``, ``rename`` and the key, ``add`` and (key, value) below,
``set`` and (JSON Pointer from here, value)."""

Patch = tuple[dict[str, Any], ...]


def patch_of(mend: Mend, pointer: str) -> Patch:
    """Write a mend of the value at ``pointer`` as JSON Patch."""
    operation, value = mend
    if operation == "remove":
        return ({"op": "remove", "path": pointer},)
    if operation == "rename":
        around = pointer.rpartition("/")[0]
        return ({"op": "move", "from": pointer, "path": f"{around}/{escape(value)}"},)
    if operation == "add":
        key, content = value
        return ({"op": "add", "path": f"{pointer}/{escape(key)}", "value": content},)
    if operation == "set":
        below, content = value
        return ({"op": "replace", "path": pointer + below, "value": content},)
    return ({"op": operation, "path": pointer, "value": value},)


def with_safe_removals(
    issues: list[Issue], resource: JsonObject, profiles: Iterable[str], registry: Registry
) -> list[Issue]:
    """Widen removals to what they would leave empty; withdraw those of required elements."""
    if not any(found.patch is not None and found.patch[0]["op"] == "remove" for found in issues):
        return issues
    removals = _Removals(resource, tuple(profiles), registry)
    return [
        replace(found, patch=removals.patch(found.patch[0]["path"]))
        if found.patch is not None and found.patch[0]["op"] == "remove"
        else found
        for found in issues
    ]


class _Removals:
    """Judges removals in one resource."""

    def __init__(self, resource: JsonObject, profiles: tuple[str, ...], registry: Registry) -> None:
        self._resource = resource
        self._asked = profiles
        self._registry = registry

    def patch(self, pointer: str) -> Patch | None:
        keys = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        values: list[Any] = [self._resource]
        for key in keys:
            around = values[-1]
            values.append(around[int(key)] if isinstance(around, list) else around[key])
        reach = len(keys)
        while reach > 1 and _leaves_nothing(values[reach - 1], keys[reach - 1], keys[reach - 2]):
            reach -= 1
        if not reach or "resourceType" in _object(values[reach]):
            return None
        if isinstance(values[reach - 1], list) and _has_companion(values, keys, reach):
            return None
        if isinstance(values[reach - 1], dict) and self._is_required(values, keys[:reach]):
            return None
        steps = pointer.split("/")
        return ({"op": "remove", "path": "/".join(steps[: reach + 1])},)

    def _is_required(self, values: list[Any], keys: list[str]) -> bool:
        """Say whether the type or some profile wants the last key; slices count as a yes."""
        start = max(
            at for at in range(len(keys)) if not at or "resourceType" in _object(values[at])
        )
        inner = values[start]
        fhir_type = str(inner.get("resourceType"))
        profiles = [*self._claimed(inner, fhir_type), *(self._asked if not start else ())]
        found = (self._registry.structure(canonical) for canonical in profiles)
        elements = [structure.root for structure in found if structure is not None]
        names = [key.removeprefix("_") for key in keys[start:] if not key.isdecimal()]
        for name in names[:-1]:
            known = self._registry.types.property(fhir_type, name)
            if known is None:
                return True
            fhir_type = known.fhir_type
            elements = list(self._below(elements, known.name))
        last = self._registry.types.property(fhir_type, names[-1])
        if last is None or last.is_mandatory:
            return last is not None
        return any(element.min for element in _named(elements, last.name))

    def _claimed(self, resource: JsonObject, resource_type: str) -> list[str]:
        claims = _object(resource.get("meta")).get("profile")
        listed = claims if isinstance(claims, list) else []
        own = [claim for claim in listed if isinstance(claim, str)]
        return [*own, *self._registry.demanded_profiles(resource_type)]

    def _below(self, elements: list[Element], name: str) -> Iterator[Element]:
        """Yield the elements of that name, and the roots of the profiles their types have."""
        for element in _named(elements, name):
            yield element
            for profile in (profile for ref in element.types for profile in ref.profiles):
                structure: Structure | None = self._registry.structure(profile)
                if structure is not None:
                    yield structure.root


def _named(elements: list[Element], name: str) -> Iterator[Element]:
    for element in elements:
        for child in element.children:
            if child.name == name:
                yield from _with_slices(child)


def _with_slices(element: Element) -> Iterator[Element]:
    yield element
    for part in element.slices:
        yield from _with_slices(part)


def _leaves_nothing(around: Any, key: str, key_around: str) -> bool:
    """Say whether ``around`` means nothing without ``key``: it would be empty, or a bare url."""
    if isinstance(around, list):
        return len(around) == 1
    rest = around.keys() - {key, "id"}
    is_extension = key.startswith("value") or key == "extension"
    return not rest or (rest == {"url"} and is_extension and key_around.isdecimal())


def _has_companion(values: list[Any], keys: list[str], reach: int) -> bool:
    """Say whether ``_name`` beside the array says something of its items, by their place."""
    name = keys[reach - 2]
    companion = name[1:] if name.startswith("_") else f"_{name}"
    return companion in values[reach - 2]


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}
