"""Values of choice elements, read from JSON that may be wrong in any way.

What is malformed is passed over here: the base definition has already said so.

Spec: https://hl7.org/fhir/R4/questionnaireresponse-definitions.html#QuestionnaireResponse.item.answer.value_x_
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from fhir_server.model import JsonObject

_TEXTS = ("date", "dateTime", "instant", "time", "string", "uri", "code", "canonical", "markdown")
_OBJECTS = ("Attachment", "Coding", "Quantity", "Reference", "Expression", "CodeableConcept")
_JSON_CLASSES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "boolean": (bool,),
        "integer": (int,),
        "decimal": (int, Decimal, float),
        **dict.fromkeys(_TEXTS, (str,)),
        **dict.fromkeys(_OBJECTS, (dict,)),
    }
)
_SUFFIXES = {fhir_type[0].upper() + fhir_type[1:]: fhir_type for fhir_type in _JSON_CLASSES}


class Value(NamedTuple):
    """The value of a choice element.

    Attributes:
        key: Its JSON property, such as ``valueCoding``.
        fhir_type: Its type.
        json: The JSON value, of the right JSON kind.
    """

    key: str
    fhir_type: str
    json: Any


def value_of(holder: JsonObject, name: str) -> Value | None:
    """Return the value under ``name[x]``; None: there is none, or it has the wrong JSON kind."""
    for key, json in holder.items():
        if key.startswith(name):
            fhir_type = _SUFFIXES.get(key[len(name) :])
            if fhir_type is not None and json.__class__ in _JSON_CLASSES[fhir_type]:
                return Value(key, fhir_type, json)
    return None


def shown(value: Value) -> str:
    """Write a value for people."""
    json = value.json
    if value.fhir_type == "Coding":
        return _coding(json)
    if value.fhir_type == "Quantity":
        return _quantity(json)
    if value.fhir_type == "Reference":
        return str(json.get("reference") or json.get("display") or json.get("identifier"))
    if value.fhir_type == "Attachment":
        return str(json.get("title") or json.get("contentType") or "Attachment")
    return str(json).lower() if isinstance(json, bool) else str(json)


def _coding(coding: JsonObject) -> str:
    system, code, display = (coding.get(key) for key in ("system", "code", "display"))
    if code is None:
        return str(display)
    text = f"{system}|{code}" if system else str(code)
    return f"{text} ({display})" if display else text


def _quantity(quantity: JsonObject) -> str:
    comparator, unit = quantity.get("comparator", ""), quantity.get("unit") or quantity.get("code")
    return f"{comparator}{quantity.get('value', '')}{f' {unit}' if unit else ''}"
