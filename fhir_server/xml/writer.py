"""JSON to XML: elements in the order of the definitions, values to the digit.

The value itself decides how it is written, the definitions only what comes first, what is an
attribute, what is a narrative and where a resource stands. So whatever a store holds becomes
well-formed XML, also what was stored without validation.

Spec: https://hl7.org/fhir/R4/xml.html and https://hl7.org/fhir/R4/json.html#xml
"""

import re
from itertools import zip_longest
from typing import Any

from fhir_server.model import JsonObject
from fhir_server.xml.narrative import embedded
from fhir_server.xml.scalar import attribute_text
from fhir_server.xml.vocabulary import FHIR, UNKNOWN, Field, Vocabulary, XmlType

_TYPE_KEY = "resourceType"
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]|^(?=[^A-Za-z_]|$)")


class Writer:
    """Writes one document.

    Args:
        vocabulary: What XML calls the elements.
        indent: Spaces a level; "" writes all in one line.
    """

    def __init__(self, vocabulary: Vocabulary, indent: str = "") -> None:
        self._vocabulary = vocabulary
        self._indent = indent
        self._out: list[str] = ['<?xml version="1.0" encoding="UTF-8"?>']

    def written(self, resource: JsonObject) -> bytes:
        """Return the document of a resource."""
        line = "\n" if self._indent else ""
        self._resource(resource, line, f' xmlns="{FHIR}"')
        return "".join(self._out).encode()

    def _resource(self, resource: JsonObject, line: str, declaration: str = "") -> None:
        name = str(resource.get(_TYPE_KEY, "Resource"))
        if self._vocabulary.is_resource(name):
            xml_type = self._vocabulary[name]
        else:
            name, xml_type = _xml_name(name), UNKNOWN
        self._element(name, xml_type, resource, line, declaration)

    def _element(
        self, name: str, xml_type: XmlType, value: JsonObject, line: str, attributes: str = ""
    ) -> None:
        """Write an object: what XML has as attributes, then the rest in order."""
        out = self._out
        for key in xml_type.attributes:
            if key in value:
                attributes += f' {key}="{attribute_text(value[key])}"'
        start = len(out)
        out.append("")
        self._children(xml_type, value, line + self._indent if line else "")
        if len(out) == start + 1:
            out[start] = f"{line}<{name}{attributes}/>"
        else:
            out[start] = f"{line}<{name}{attributes}>"
            out.append(f"{line}</{name}>")

    def _children(self, xml_type: XmlType, value: JsonObject, line: str) -> None:
        fields, attributes = xml_type.fields, xml_type.attributes
        for key in sorted(value, key=xml_type.orders.__getitem__):
            if (key == _TYPE_KEY and key not in fields) or key in attributes:
                continue
            item, companion = value[key], None
            if key[:1] == "_":
                name = key[1:]
                if name in value:
                    continue
                item, companion = None, item
            else:
                name = key
                companion = value.get(f"_{key}")
            field = fields.get(name)
            self._property(_xml_name(name) if field is None else name, field, item, companion, line)

    def _property(
        self, name: str, field: Field | None, item: Any, companion: Any, line: str
    ) -> None:
        if isinstance(item, list):
            beside = companion if isinstance(companion, list) else ()
            for one, its_companion in zip_longest(item, beside):
                self._value(name, field, one, its_companion, line)
        elif isinstance(companion, list):
            for its_companion in companion:
                self._value(name, field, None, its_companion, line)
        else:
            self._value(name, field, item, companion, line)

    def _value(self, name: str, field: Field | None, value: Any, companion: Any, line: str) -> None:
        if isinstance(value, dict):
            if _TYPE_KEY in value and (field is None or field.kind == "resource"):
                self._held(name, value, line)
            else:
                self._element(name, self._type(field), value, line)
        elif field is not None and field.kind == "xhtml" and isinstance(value, str):
            self._out.append(line + embedded(value))
        elif isinstance(companion, dict):
            text = "" if value is None else f' value="{attribute_text(value)}"'
            self._element(name, self._type(field), companion, line, text)
        elif value is not None:
            self._out.append(f'{line}<{name} value="{attribute_text(value)}"/>')

    def _held(self, name: str, resource: JsonObject, line: str) -> None:
        self._out.append(f"{line}<{name}>")
        self._resource(resource, line + self._indent if line else "")
        self._out.append(f"{line}</{name}>")

    def _type(self, field: Field | None) -> XmlType:
        return UNKNOWN if field is None else self._vocabulary[field.fhir_type]


def _xml_name(key: str) -> str:
    """Return what an element may be called for a JSON property that no definition has."""
    return _NO_NAME.sub("_", key)
