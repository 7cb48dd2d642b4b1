"""Contained resources: they are no matches of their own, but chains look into them.

Spec: https://hl7.org/fhir/R4/search.html#contained
"""

from collections.abc import Iterable, Iterator
from typing import Any

from fhir_server.model import JsonObject
from fhir_server.search.values import CompositeValue, IndexValue


def inner_name(parameter: str, resource_type: str, inner: str) -> str:
    """Return the name of ``inner`` in a contained resource that ``parameter`` refers to."""
    return f"{parameter}:{resource_type}.{inner}"


def contained_by_id(resource: JsonObject) -> dict[str, JsonObject]:
    """Return the contained resources by what stands behind ``#``; the first of an id counts."""
    found: list[Any] = resource.get("contained") or []
    return {inner["id"]: inner for inner in reversed(found) if "id" in inner}


def renamed(
    values: Iterable[IndexValue | CompositeValue], parameter: str, resource_type: str
) -> Iterator[IndexValue | CompositeValue]:
    """Yield the values of a contained resource as those of the parameter that refers to it."""
    for value in values:
        name = inner_name(parameter, resource_type, value.parameter)
        if isinstance(value, CompositeValue):
            components = tuple(
                part._replace(parameter=inner_name(parameter, resource_type, part.parameter))
                for part in value.components
            )
            yield CompositeValue(name, components)
        else:
            yield value._replace(parameter=name)
