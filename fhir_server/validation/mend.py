"""JSON Patches that mend a finding, and how far a removal must reach to leave nothing empty.

A patch is proposed only where it is safe: applied, its finding is gone and no error is new.

Spec: https://www.rfc-editor.org/rfc/rfc6902
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from fhir_server.definitions import Element, Registry, Structure
from fhir_server.model import Issue, JsonObject, escape

Mend = tuple[str, Any]
"""``replace`` and the value, ``remove``, ``rename`` and the key, ``add`` and (key, value) below,
``set`` and (JSON Pointer from here, value)."""

_WORD = re.compile(r"[A-Za-z]+")

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
        while reach > 1 and _leaves_nothing(values[reach - 1], keys[reach - 1]):
            reach -= 1
        if not reach or _is_bare_extension(values[reach - 1], keys[reach - 1]):
            return None
        if "resourceType" in _object(values[reach]):
            return None
        if isinstance(values[reach - 1], list) and _has_companion(values, keys, reach):
            return None
        if self._is_required(values, keys[:reach]):
            return None
        steps = pointer.split("/")
        return ({"op": "remove", "path": "/".join(steps[: reach + 1])},)

    def _is_required(self, values: list[Any], keys: list[str]) -> bool:
        """Say whether the type, a profile or an invariant may want the last key.

        Slices count as a yes, and so does an invariant that has the name in it.
        """
        start = max(
            at for at in range(len(keys)) if not at or "resourceType" in _object(values[at])
        )
        inner = values[start]
        fhir_type = str(inner.get("resourceType"))
        profiles = [*self._claimed(inner, fhir_type), *(self._asked if not start else ())]
        found = (self._registry.structure(canonical) for canonical in profiles)
        elements = [structure.root for structure in found if structure is not None]
        elements += self._roots(fhir_type)
        names = [key.removeprefix("_") for key in keys[start:] if not key.isdecimal()]
        last = names[-1]
        for name in names:
            known = self._registry.types.property(fhir_type, name)
            if known is None:
                return True
            fhir_type, last = known.fhir_type, known.name
            if any(_asks_for(element, last) for element in elements):
                return True
            elements = list(self._below(elements, last)) + self._roots(fhir_type)
        return False

    def _roots(self, fhir_type: str) -> list[Element]:
        structure = self._registry.type_structure(fhir_type)
        return [] if structure is None else [structure.root]

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


def _asks_for(element: Element, name: str) -> bool:
    if any(part.min for part in _named([element], name)):
        return True
    return any(name in _WORD.findall(rule.expression or "") for rule in element.constraints)


def _named(elements: list[Element], name: str) -> Iterator[Element]:
    for element in elements:
        for child in element.children:
            if child.name == name:
                yield from _with_slices(child)


def _with_slices(element: Element) -> Iterator[Element]:
    yield element
    for part in element.slices:
        yield from _with_slices(part)


def _leaves_nothing(around: Any, key: str) -> bool:
    """Say whether ``around`` would be empty without ``key``."""
    return len(around) == 1 if isinstance(around, list) else not around.keys() - {key, "id"}


def _is_bare_extension(around: Any, key: str) -> bool:
    """Say whether an extension would be left without a value; what it meant, nobody knows."""
    return isinstance(around, dict) and key != "url" and around.keys() - {key, "id"} == {"url"}


def _has_companion(values: list[Any], keys: list[str], reach: int) -> bool:
    """Say whether ``_name`` beside the array says something of its items, by their place."""
    name = keys[reach - 2]
    companion = name[1:] if name.startswith("_") else f"_{name}"
    return companion in values[reach - 2]


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}
