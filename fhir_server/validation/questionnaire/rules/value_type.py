"""The type of an answer's value fits the type of the item.

Spec: https://hl7.org/fhir/R4/valueset-item-type.html
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from fhir_server.validation.finding import Finding
from fhir_server.validation.questionnaire.answer import Answer
from fhir_server.validation.questionnaire.form import FormItem

_LISTED = ("Coding", "date", "time", "integer", "string")
"""What the options of a choice may be; a Reference only where an option is one."""

FITTING: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "boolean": ("boolean",),
        "decimal": ("decimal",),
        "integer": ("integer",),
        "date": ("date",),
        "dateTime": ("dateTime",),
        "time": ("time",),
        "string": ("string",),
        "text": ("string",),
        "url": ("uri",),
        "attachment": ("Attachment",),
        "reference": ("Reference",),
        "quantity": ("Quantity",),
        "choice": _LISTED,
        "open-choice": _LISTED,
    }
)
"""Types of answers by type of item."""


def fitting_types(item: FormItem) -> tuple[str, ...]:
    """Return the types that an answer may have; empty: the type of the item is unknown."""
    if item.item_type not in {"choice", "open-choice"}:
        return FITTING.get(item.item_type, ())
    if item.options:
        types = dict.fromkeys(option.value.fhir_type for option in item.options)
    elif item.value_set is not None:
        types = dict.fromkeys(("Coding",))
    else:
        types = dict.fromkeys(_LISTED)
    if item.item_type == "open-choice":
        types["string"] = None
    return tuple(types)


def check(answer: Answer) -> Iterator[Finding]:
    """Report a value of another type than the item asks for."""
    types = fitting_types(answer.item)
    if types and answer.value.fhir_type not in types:
        yield Finding(
            "answer-type",
            link_id=answer.item.link_id,
            item_type=answer.item.item_type,
            found=answer.value.fhir_type,
            expected=" | ".join(types),
        )
