"""Profiles for tests, and snapshots in one line an element."""

from collections.abc import Sequence
from typing import Any

HL7 = "http://hl7.org/fhir/StructureDefinition/"


def profile(url: str, base: str, *elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A profile on a type (``Patient``) or on another profile, which ``type`` then has to say."""
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": "Example",
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": base,
        "baseDefinition": HL7 + base,
        "derivation": "constraint",
        "differential": {"element": list(elements)},
        **more,
    }


def rows(elements: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Element definitions in one line each: cardinality, types (profiles), / slicing."""
    return {element["id"]: _row(element) for element in elements}


def _row(element: dict[str, Any]) -> str:
    types = [_type(t) for t in element.get("type", ())]
    text = f"{element['min']}..{element['max']}"
    if types:
        text += " " + (" ".join(types) if len(types) < 5 else f"{len(types)} types")
    if "slicing" in element:
        slicing = element["slicing"]
        found = (f"{d['type']}:{d['path']}" for d in slicing.get("discriminator", ()))
        text += f" / {' '.join(found)} {slicing['rules']}"
    return text


def _type(type_ref: dict[str, Any]) -> str:
    profiles = "".join(f"({url.rpartition('/')[2]})" for url in type_ref.get("profile", ()))
    return type_ref["code"].rpartition("/")[2] + profiles
