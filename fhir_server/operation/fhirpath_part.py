"""A value of an expression as a part of Parameters, named by its type and with its place.

Spec: https://hl7.org/fhir/R4/parameters.html; what has no ``value[x]`` travels as fhirpath-lab.com
wants it.
"""

from fhir_server.definitions import TypeTable
from fhir_server.fhirpath import Node, to_json
from fhir_server.model import JsonObject, encode

JSON_VALUE = "http://fhir.forms-lab.com/StructureDefinition/json-value"
_PATH = "http://fhir.forms-lab.com/StructureDefinition/resource-path"
_SYSTEM = "System."


def value_part(item: Node, types: TypeTable) -> JsonObject:
    """Return one value as a part; its place is told where the value lies in a resource."""
    fhir_type = item.fhir_type.removeprefix(_SYSTEM)
    if item.fhir_type.startswith(_SYSTEM) and fhir_type != "Quantity":
        fhir_type = fhir_type[0].lower() + fhir_type[1:]
    place = [{"url": _PATH, "valueString": item.path(types)}] if item.key is not None else []
    value = to_json(item)
    if isinstance(value, dict) and "resourceType" in value:
        return _part(fhir_type, place, "resource", value)
    if "." in fhir_type or item.value is None or fhir_type.endswith("TypeInfo"):
        text = {"url": JSON_VALUE, "valueString": encode(value).decode()}
        return {"name": fhir_type, "extension": [*place, text]}
    if value == "":
        return {"name": "empty-string", **({"extension": place} if place else {})}
    return _part(fhir_type, place, f"value{fhir_type[0].upper()}{fhir_type[1:]}", value)


def _part(name: str, place: list[JsonObject], key: str, value: object) -> JsonObject:
    return {"name": name, **({"extension": place} if place else {}), key: value}
