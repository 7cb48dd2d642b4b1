"""Units of quantities: from options, or from a value set.

Spec: https://hl7.org/fhir/R4/extension-questionnaire-unitoption.html and
https://hl7.org/fhir/R4/extension-questionnaire-unitvalueset.html
"""

from collections.abc import Iterator

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding
from fhir_server.validation.questionnaire.answer import Answer
from fhir_server.validation.questionnaire.rules.option import check_membership
from fhir_server.validation.questionnaire.value import shown
from fhir_server.validation.reading import text_of

_HL7 = "http://hl7.org/fhir/StructureDefinition/questionnaire-"
_OPTION, _VALUE_SET = f"{_HL7}unitOption", f"{_HL7}unitValueSet"


def check(answer: Answer) -> Iterator[Finding]:
    """Report a quantity in another unit than one of those offered."""
    if answer.value.fhir_type != "Quantity":
        return
    quantity = answer.value.json
    options = [o for o in answer.item.extensions.get(_OPTION, ()) if o.fhir_type == "Coding"]
    if options and not any(_is_unit(quantity, option.json) for option in options):
        yield Finding(
            "answer-unit",
            link_id=answer.item.link_id,
            found=shown(answer.value),
            expected=", ".join(shown(option) for option in options),
        )
    value_set = answer.item.text(_VALUE_SET)
    if value_set is not None:
        yield from check_membership(
            answer, value_set, text_of(quantity, "system"), text_of(quantity, "code")
        )


def _is_unit(quantity: JsonObject, option: JsonObject) -> bool:
    """A coded option is compared by code: ``unit`` is for people, in their language."""
    if option.get("code") is None:
        return bool(option.get("display") == quantity.get("unit"))
    if option["code"] != quantity.get("code"):
        return False
    return option.get("system") in (None, quantity.get("system"))
