"""A profile as JSON Schema, for those who check on their side before they send.

What the schema cannot say (invariants, bindings to large value sets, slices told apart by anything
but an extension's URL) stands in ``$comment``.

JSON Schema: https://json-schema.org/draft/2020-12
Spec: https://hl7.org/fhir/R4/json.html
"""

from collections.abc import Iterator
from typing import Any

from fhir_server.definitions import Element, Registry, Structure, TypeRef, find_element
from fhir_server.model import JsonObject
from fhir_server.terminology import Terminology

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MAX_ENUM = 200
_EXTENSIONS = frozenset({"extension", "modifierExtension"})
_NUMBERS: dict[str, JsonObject] = {
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "positiveInt": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "unsignedInt": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "decimal": {"type": "number"},
    "boolean": {"type": "boolean"},
}
_PATTERNS = {
    "code": r"^[^\s]+(\s[^\s]+)*$",
    "date": r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$",
    "dateTime": r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])"
    r"(T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00)))?)?)?$",
    "instant": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))$",
    "time": r"^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?$",
    "id": r"^[A-Za-z0-9\-.]{1,64}$",
    "oid": r"^urn:oid:[0-2](\.(0|[1-9]\d*))+$",
    "uuid": r"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "uri": r"^\S*$",
    "url": r"^\S*$",
    "canonical": r"^\S*$",
    "base64Binary": r"^(\s*([0-9a-zA-Z+/=]){4}\s*)+$",
}


def json_schema(structure: Structure, registry: Registry, terminology: Terminology) -> JsonObject:
    """Export a profile or a type.

    Args:
        structure: The profile.
        registry: The types and profiles it rests on.
        terminology: Lists the codes of required bindings.

    Returns:
        A schema that every valid resource meets; not everything that meets it is valid.
    """
    return _Export(registry, terminology).schema(structure)


class _Export:
    """One schema with the types it needs as ``$defs``."""

    def __init__(self, registry: Registry, terminology: Terminology) -> None:
        self._registry = registry
        self._terminology = terminology
        self._definitions: dict[str, JsonObject] = {}

    def schema(self, structure: Structure) -> JsonObject:
        title = dict(structure.title)
        body = self._object(structure.root, structure, structure.type)
        if structure.kind == "resource":
            body["properties"]["resourceType"] = {"const": structure.type}
            body["required"] = ["resourceType", *body.get("required", ())]
        return {
            "$schema": DIALECT,
            "$id": structure.url,
            "title": title.get("en") or structure.name,
            **body,
            **({"$defs": self._definitions} if self._definitions else {}),
        }

    # -- objects

    def _object(self, element: Element, structure: Structure, fhir_type: str) -> JsonObject:
        children = element.children
        if not children:
            above = self._registry.type_structure(fhir_type)
            children, structure = (above.root.children, above) if above else ((), structure)
        properties: dict[str, Any] = {}
        required: list[str] = []
        conditions: list[JsonObject] = []
        for child in children:
            self._add(child, structure, properties, required, conditions)
        found: JsonObject = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "minProperties": 1,
        }
        if required:
            found["required"] = required
        if conditions:
            found["allOf"] = conditions
        comments = list(_untold(element))
        if comments:
            found["$comment"] = "; ".join(comments)
        return found

    def _add(
        self,
        child: Element,
        structure: Structure,
        properties: dict[str, Any],
        required: list[str],
        conditions: list[JsonObject],
    ) -> None:
        """Add the JSON properties of an element; one that is forbidden gets none."""
        if child.max == 0:
            return
        keys = [_key(child, ref) for ref in child.types] or [child.name]
        for key, ref in zip(keys, child.types or (None,), strict=True):
            properties[key] = self._property(child, structure, ref)
            if ref is not None and self._is_primitive(ref):
                properties[f"_{key}"] = self._companion(child)
        if not child.min:
            return
        ways = [k for key in keys for k in (key, f"_{key}") if k in properties]
        if len(ways) == 1:
            required.append(ways[0])
        else:
            conditions.append({"anyOf": [{"required": [way]} for way in ways]})

    def _property(self, child: Element, structure: Structure, ref: TypeRef | None) -> JsonObject:
        value = self._value(child, structure, ref)
        if child.base_max is not None and child.base_max <= 1:
            return value
        if ref is not None and self._is_primitive(ref):
            value = {"anyOf": [value, {"type": "null"}]}
        found: JsonObject = {"type": "array", "items": value, "minItems": max(child.min, 1)}
        if child.max is not None:
            found["maxItems"] = child.max
        slices = list(self._slices(child))
        if slices:
            found["allOf"] = slices
        return found

    def _companion(self, child: Element) -> JsonObject:
        """The ``_name`` half of a primitive: id and extensions."""
        one: JsonObject = {"$ref": self._reference("Element")}
        if child.base_max is not None and child.base_max <= 1:
            return one
        return {"type": "array", "items": {"anyOf": [one, {"type": "null"}]}}

    def _slices(self, child: Element) -> Iterator[JsonObject]:
        """Slices of extensions are told apart by their URL, which a schema can say."""
        if child.name not in _EXTENSIONS:
            return
        for part in child.slices:
            url = self._url(part)
            if url is None:
                continue
            found: JsonObject = {"contains": _with_url(url), "minContains": part.min}
            if part.max is not None:
                found["maxContains"] = part.max
            if part.min or part.max is not None:
                yield found

    def _url(self, part: Element) -> str | None:
        for child in part.children:
            if child.name == "url" and child.fixed is not None:
                return str(child.fixed.value)
        profiles = [profile for ref in part.types for profile in ref.profiles]
        return profiles[0].partition("|")[0] if len(profiles) == 1 else None

    # -- values

    def _value(self, child: Element, structure: Structure, ref: TypeRef | None) -> JsonObject:
        if child.content_reference is not None:
            referred = find_element(structure, child.content_reference)
            if referred is None:
                return {"type": "object"}
            return {"$ref": self._named(referred, structure)}
        if ref is None:
            return {}
        code = ref.value_type or ref.code
        if self._is_primitive(ref):
            return self._primitive(child, code)
        if code in {"Resource", "DomainResource"}:
            return {"type": "object", "required": ["resourceType"]}
        if child.children:
            return _constrained(child, self._object(child, structure, code))
        profiles = ref.profiles
        inner = self._registry.structure(profiles[0]) if len(profiles) == 1 else None
        if inner is not None and "#" not in profiles[0]:
            made: JsonObject = {"$ref": self._reference(inner.url, inner)}
        else:
            made = {"$ref": self._reference(code)}
        comments = list(_untold(child, only_own=True))
        if comments:
            made["$comment"] = "; ".join(comments)
        return _constrained(child, made)

    def _primitive(self, child: Element, code: str) -> JsonObject:
        if code == "xhtml":
            return {"type": "string"}
        found: JsonObject = dict(_NUMBERS.get(code, {"type": "string"}))
        if found["type"] == "string":
            found["minLength"] = 1
            plain = code.removeprefix("System.").lower() if code.startswith("System.") else code
            if plain in _PATTERNS:
                found["pattern"] = _PATTERNS[plain]
            if child.max_length is not None:
                found["maxLength"] = child.max_length
        for key, limit in (("minimum", child.min_value), ("maximum", child.max_value)):
            if limit is not None and code in _NUMBERS:
                found[key] = limit.value
        return _constrained(child, found | self._codes(child, code))

    def _codes(self, child: Element, code: str) -> JsonObject:
        binding = child.binding
        if binding is None or binding.value_set is None:
            return {}
        note: JsonObject = {"$comment": f"{binding.strength}: {binding.value_set}"}
        if binding.strength != "required" or code != "code":
            return note
        codes = self._terminology.codes_of(binding.value_set)
        if codes is None or len(codes) > _MAX_ENUM:
            return note
        return {"enum": sorted({each for _, each in codes}), **note}

    def _is_primitive(self, ref: TypeRef) -> bool:
        return self._registry.types.is_primitive(ref.code)

    # -- shared definitions

    def _reference(self, name: str, structure: Structure | None = None) -> str:
        found = structure or self._registry.type_structure(name)
        if found is None:
            self._definitions.setdefault(name, {})
        elif name not in self._definitions:
            self._definitions[name] = {}  # a type may hold itself
            self._definitions[name] = self._object(found.root, found, found.type)
        return _pointer(name)

    def _named(self, element: Element, structure: Structure) -> str:
        name = f"{structure.name}#{element.id}"
        if name not in self._definitions:
            self._definitions[name] = {}
            self._definitions[name] = self._object(element, structure, element.path)
        return _pointer(name)


def _pointer(name: str) -> str:
    escaped = name.replace("~", "~0").replace("/", "~1").replace("#", "%23").replace("|", "%7C")
    return f"#/$defs/{escaped}"


def _key(child: Element, ref: TypeRef) -> str:
    return child.name + ref.code[:1].upper() + ref.code[1:] if child.is_choice else child.name


def _with_url(url: str) -> JsonObject:
    return {"type": "object", "properties": {"url": {"const": url}}, "required": ["url"]}


def _constrained(child: Element, schema: JsonObject) -> JsonObject:
    """Return a schema with what ``fixed[x]`` or ``pattern[x]`` asks besides."""
    if child.fixed is not None:
        return {**schema, "const": child.fixed.value}
    if child.pattern is None:
        return schema
    asked = _containing(child.pattern.value)
    return {**schema, "allOf": [*schema.get("allOf", ()), asked]}


def _containing(pattern: Any) -> JsonObject:
    """Return the schema of values that have all that a pattern has."""
    if isinstance(pattern, dict):
        properties = {key: _containing(value) for key, value in pattern.items()}
        return {"properties": properties, "required": sorted(properties)}
    if isinstance(pattern, list):
        return {"allOf": [{"contains": _containing(item)} for item in pattern]}
    return {"const": pattern}


def _untold(element: Element, *, only_own: bool = False) -> Iterator[str]:
    """Yield what is asked of an element and no schema says."""
    for constraint in () if only_own else element.constraints:
        if constraint.expression is not None and constraint.key not in _EVERYWHERE:
            yield f"{constraint.key}: {constraint.expression}"
    for check in element.checks:
        yield f"check {check}"
    if element.slices and element.name not in _EXTENSIONS:
        yield "slices: " + ", ".join(part.slice_name or part.name for part in element.slices)


_EVERYWHERE = frozenset({"ele-1", "ext-1"})
