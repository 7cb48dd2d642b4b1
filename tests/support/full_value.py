"""Values in which every element is there once: not valid, but each path finds something."""

from decimal import Decimal
from typing import Any

from fhir_server.definitions import TypeTable

MAX_DEPTH = 5
SCALARS: dict[str, Any] = {
    "boolean": True,
    "integer": 3,
    "positiveInt": 3,
    "unsignedInt": 3,
    "decimal": Decimal("1.50"),
    "date": "2024-05-31",
    "dateTime": "2024-05-31T10:30:00Z",
    "instant": "2024-05-31T10:30:00Z",
    "time": "10:30:00",
}


def full_value(types: TypeTable, fhir_type: str, depth: int = 0) -> Any:
    """Return a value with all elements, down to a depth; choices take their first type."""
    if types.is_primitive(fhir_type) or fhir_type.startswith("System."):
        return SCALARS.get(fhir_type, "Patient/a")
    value: dict[str, Any] = {"resourceType": fhir_type} if types.is_resource(fhir_type) else {}
    if depth > MAX_DEPTH or types.is_abstract(fhir_type):
        return value
    for name in types.element_names(fhir_type):
        element = types.element(fhir_type, name)
        if element is None or not element.types or name in {"extension", "modifierExtension"}:
            continue
        of_type = element.types[0]
        child = full_value(types, of_type, depth + 1)
        key = name + of_type[0].upper() + of_type[1:] if element.is_choice else name
        value[key] = [child] if element.is_collection else child
    return value
