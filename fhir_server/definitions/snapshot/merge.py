"""Lay what a differential says about an element over what the base says.

Spec: https://hl7.org/fhir/R4/elementdefinition.html#interpretation
"""

from collections.abc import Sequence
from typing import Any

from fhir_server.model import JsonObject

_PLACE = frozenset({"id", "path"})
_TEXTS = frozenset({"short", "definition", "comment", "requirements", "meaningWhenMissing"})
_COLLECTED = frozenset({"alias", "mapping", "condition", "example"})
_INHERITED_FROM_PROFILE = ("short", "definition", "comment", "requirements")


def overlaid(base: JsonObject, change: JsonObject) -> JsonObject:
    """Return the base's element definition with the differential's laid over it."""
    merged = dict(base)
    for key, value in change.items():
        if key in _PLACE:
            continue
        before = base.get(key)
        if key == "constraint":
            merged[key] = _by_key(before or (), value, "key")
        elif key == "extension":
            merged[key] = _by_key(before or (), value, "url")
        elif key in _COLLECTED:
            merged[key] = [*(before or ()), *(item for item in value if item not in (before or ()))]
        elif key in _TEXTS and isinstance(before, str) and str(value).startswith("..."):
            merged[key] = f"{before}\n{value.removeprefix('...').lstrip()}"
        elif key == "binding" and before is not None:
            merged[key] = {**before, **value}
        else:
            merged[key] = value
    return merged


def with_profile_root(element: JsonObject, root: JsonObject, change: JsonObject) -> JsonObject:
    """Return an element with what the root of the profile on its type says.

    Args:
        element: The element so far, the differential laid over it.
        root: The first element of the profile's snapshot.
        change: The differential; what it says itself stays.
    """
    merged = dict(element)
    for key in _INHERITED_FROM_PROFILE:
        if key in root and key not in change:
            merged[key] = root[key]
    if "max" not in change and _is_less(root.get("max"), merged.get("max")):
        merged["max"] = root["max"]
    if "constraint" in root:
        merged["constraint"] = _by_key(merged.get("constraint", ()), root["constraint"], "key")
    if root.get("isModifier"):
        merged["isModifier"] = True
        if "isModifierReason" in root:
            merged["isModifierReason"] = root["isModifierReason"]
    return merged


def _is_less(maximum: str | None, other: str | None) -> bool:
    """Say whether one upper cardinality is less than another; ``*`` is the greatest."""
    if maximum is None or maximum == "*":
        return False
    return other is None or other == "*" or int(maximum) < int(other)


def _by_key(base: Sequence[Any], change: Sequence[Any], key: str) -> list[Any]:
    """Join two lists; an item of the second replaces the one with the same key."""
    joined = {item.get(key, index): item for index, item in enumerate(base)}
    joined.update({item.get(key, -1 - index): item for index, item in enumerate(change)})
    return list(joined.values())
