"""Reads JSON that may be wrong in any way.

What is malformed is passed over here: the base definition has already said so.

Spec: https://hl7.org/fhir/R4/json.html
"""

from collections.abc import Iterator

from fhir_server.model import JsonObject


def objects(holder: JsonObject, key: str) -> Iterator[tuple[int, JsonObject]]:
    """Yield the JSON objects in an array with their index; anything else is passed over."""
    found = holder.get(key)
    if isinstance(found, list):
        for index, item in enumerate(found):
            if isinstance(item, dict):
                yield index, item


def object_of(holder: JsonObject, key: str) -> JsonObject:
    """Return an object property; empty: there is none, or it is no object."""
    found = holder.get(key)
    return found if isinstance(found, dict) else {}


def text_of(holder: JsonObject, key: str) -> str | None:
    """Return a string property; None: there is none, or it is no string."""
    found = holder.get(key)
    return found if isinstance(found, str) else None
