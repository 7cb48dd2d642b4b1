"""What is checked of each JSON property of a base definition.

Spec: https://hl7.org/fhir/R4/json.html and https://hl7.org/fhir/R4/formats.html#choice
"""

from typing import Any

from fhir_server.definitions import Element, Structure
from fhir_server.model import JsonObject
from fhir_server.validation import shape
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.place import source_of
from fhir_server.validation.primitive import SCANNERS, Scan
from fhir_server.validation.scope import Check, Plans, Scope

_EXTENSIONS = frozenset(("extension", "modifierExtension"))


def property_key(element: Element, fhir_type: str) -> str:
    """Return the JSON property of an element for values of a type."""
    if not element.is_choice:
        return element.name
    return element.name + fhir_type[0].upper() + fhir_type[1:]


def is_array(element: Element) -> bool:
    """Say whether the element's JSON value is an array: the base definition decides."""
    return element.base_max is None or element.base_max > 1


def property_checks(
    element: Element, structure: Structure, parent: Element, table: Plans
) -> dict[str, Check]:
    """Make the checks by JSON property (``_name`` included) of one element."""
    if element.name in _EXTENSIONS:
        is_modifier = element.name == "modifierExtension"
        return {element.name: table.extension_list(parent.path, is_modifier=is_modifier)}
    if element.name == "id" and parent is structure.root and structure.kind == "resource":
        return {"id": shape.one_primitive(SCANNERS["id"], (), "id")}
    types = [ref.code for ref in element.types] or [element.path]
    made: dict[str, Check] = {}
    for fhir_type in types:
        made.update(_of_type(element, fhir_type, structure, table))
    if element.is_choice and len(types) > 1:
        keys = tuple(property_key(element, fhir_type) for fhir_type in types)
        for key in keys:
            made[key] = shape.only_of_choice(made[key], key, keys, element.name)
    return made


def _of_type(
    element: Element, fhir_type: str, structure: Structure, table: Plans
) -> dict[str, Check]:
    if table.registry.types.is_resource(fhir_type):
        return {element.name: _of_resources(element, structure, table)}
    scan = _scanner(element, fhir_type)
    key = property_key(element, fhir_type)
    if scan is not None:
        return _of_primitives(element, fhir_type, scan, structure, table)
    check = table.object_check(element, fhir_type, structure)
    rules = table.property_rules(element, fhir_type, structure)
    if is_array(element):
        source = source_of(structure, element)
        return {key: shape.many_objects(check, rules, element.max, source)}
    return {key: shape.one_object(check, rules)}


def _of_resources(element: Element, structure: Structure, table: Plans) -> Check:
    if element.name == "contained":
        return table.check_contained
    if not is_array(element):
        return table.check_nested
    source = source_of(structure, element)
    return shape.many_objects(table.check_nested, (), element.max, source)


def _of_primitives(
    element: Element, fhir_type: str, scan: Scan, structure: Structure, table: Plans
) -> dict[str, Check]:
    key = property_key(element, fhir_type)
    if fhir_type.startswith("System."):
        is_id = key == "id" and structure.type != "ElementDefinition"
        return {key: _element_id(scan) if is_id else shape.one_primitive(scan, (), key)}
    rules = table.property_rules(element, fhir_type, structure)
    sibling = table.type_check("Element")
    if not is_array(element):
        return {
            key: shape.one_primitive(scan, rules, key),
            f"_{key}": shape.one_sibling(sibling, rules, key),
        }
    source = source_of(structure, element)
    return {
        key: shape.many_primitives(scan, rules, key, element.max, source),
        f"_{key}": shape.many_siblings(sibling, rules, key),
    }


def _scanner(element: Element, fhir_type: str) -> Scan | None:
    value_type = next((ref.value_type for ref in element.types if ref.code == fhir_type), None)
    return SCANNERS.get(value_type or fhir_type)


def _element_id(scan: Scan) -> Check:
    """The id of an element, which no other element of the resource may have.

    Those of ElementDefinition are left to sdf-16 and sdf-17: snapshot and differential share them.
    """

    def check(value: Any, _parent: JsonObject, scope: Scope) -> Findings | None:
        finding = scan(value)
        if finding is not None:
            return [finding]
        return None if scope.is_new_id(value) else [Finding("element-id-repeated", found=value)]

    return check
