"""Whether the input of an operation has the shape that its elements have in the definitions.

What is stored is validated; what an operation is handed is only read, and must not be read wrong:
lists where elements repeat, objects where they have parts, texts and numbers where they have none.

Spec: https://hl7.org/fhir/R4/parameters.html
"""

from typing import Any

from fhir_server.definitions import TypeTable
from fhir_server.model import InvalidRequest, JsonObject

_PARAMETER = "Parameters.parameter"
_MAX_DEPTH = 64


def check_input(resource: JsonObject, types: TypeTable, *, is_deep: bool) -> None:
    """Check the input of an operation.

    Args:
        resource: As posted: Parameters, or the one resource that it is called with.
        types: The types of the release.
        is_deep: Whether resources in it are looked into; else only that they are some.

    Raises:
        InvalidRequest: Something has another shape than the definitions give it.
    """
    name = resource.get("resourceType")
    if not isinstance(name, str):
        raise _refusal("resourceType", "string")
    if is_deep or name == "Parameters":
        _Walk(types, is_deep).object(resource, name, name, 1)


def _refusal(place: str, expected: str) -> InvalidRequest:
    return InvalidRequest.of("operation-input-shape", expression=place, expected=expected)


class _Walk:
    def __init__(self, types: TypeTable, is_deep: bool) -> None:
        self._types = types
        self._is_deep = is_deep

    def object(self, value: JsonObject, fhir_type: str, place: str, depth: int) -> None:
        if depth > _MAX_DEPTH:
            return
        if fhir_type.endswith(_PARAMETER) and not isinstance(value.get("name"), str):
            raise _refusal(f"{place}.name", "string")
        for key, child in value.items():
            known = self._types.property(fhir_type, key)
            if known is None:
                continue
            at = f"{place}.{key}"
            if not known.is_collection:
                self._item(child, known.fhir_type, at, depth)
                continue
            if not isinstance(child, list):
                raise _refusal(at, "array")
            for index, item in enumerate(child):
                if item is not None or not self._is_simple(known.fhir_type):
                    self._item(item, known.fhir_type, f"{at}[{index}]", depth)

    def _is_simple(self, fhir_type: str) -> bool:
        return fhir_type.startswith("System.") or self._types.is_primitive(fhir_type)

    def _item(self, item: Any, fhir_type: str, at: str, depth: int) -> None:
        if self._is_simple(fhir_type):
            self._scalar(item, fhir_type, at)
        elif not isinstance(item, dict):
            raise _refusal(at, "object")
        elif self._types.is_resource(fhir_type):
            name = item.get("resourceType")
            if not isinstance(name, str):
                raise _refusal(f"{at}.resourceType", "string")
            if self._is_deep:
                self.object(item, name, at, depth + 1)
        else:
            self.object(item, fhir_type, at, depth + 1)

    def _scalar(self, item: Any, fhir_type: str, at: str) -> None:
        name = fhir_type.rpartition(".")[2].lower()
        if name == "boolean":
            if not isinstance(item, bool):
                raise _refusal(at, "boolean")
        elif name in _NUMBERS:
            if isinstance(item, bool | str | dict | list) or item is None:
                raise _refusal(at, "number")
        elif not isinstance(item, str):
            raise _refusal(at, "string")


_NUMBERS = frozenset({"integer", "decimal", "positiveint", "unsignedint"})
