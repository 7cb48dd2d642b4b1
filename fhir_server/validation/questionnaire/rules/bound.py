"""Smallest and largest value, digits behind the point.

Spec: https://hl7.org/fhir/R4/extension-minvalue.html, https://hl7.org/fhir/R4/extension-maxvalue.html
and https://hl7.org/fhir/R4/extension-maxdecimalplaces.html
"""

from collections.abc import Iterator

from fhir_server.validation.finding import Finding
from fhir_server.validation.questionnaire.answer import Answer
from fhir_server.validation.questionnaire.comparison import decimal_places
from fhir_server.validation.questionnaire.value import Value, shown

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
_BOUNDS = (
    ("answer-too-small", "<", (f"{_HL7}minValue", f"{_SDC}minQuantity")),
    ("answer-too-large", ">", (f"{_HL7}maxValue", f"{_SDC}maxQuantity")),
)
_PLACES = f"{_HL7}maxDecimalPlaces"


def check_bounds(answer: Answer) -> Iterator[Finding]:
    """Report a value below the smallest or above the largest that is allowed."""
    value, item = answer.value, answer.item
    for rule, operator, urls in _BOUNDS:
        bound = _as(value, item.value(*urls))
        if bound is None:
            continue
        verdict = answer.comparison.holds(operator, value, bound)
        if value.fhir_type == "Quantity" and (verdict is None or not _are_formal(value, bound)):
            rule = "answer-unit-incomparable"  # noqa: PLW2901 # what is wrong is the unit
        elif verdict is not True:
            continue
        yield Finding(rule, link_id=item.link_id, found=shown(value), expected=shown(bound))


def check_decimal_places(answer: Answer) -> Iterator[Finding]:
    """Report more digits behind the point than allowed; zeros at the end state precision too."""
    allowed = answer.item.number(_PLACES)
    value = answer.value
    number = value.json.get("value") if value.fhir_type == "Quantity" else value.json
    if allowed is not None and (places := decimal_places(number)) > allowed:
        yield Finding(
            "answer-decimal-places",
            link_id=answer.item.link_id,
            found=str(number),
            count=places,
            expected=allowed,
        )


def _as(value: Value, bound: Value | None) -> Value | None:
    """Read a bound in the type of the answer; None: a Quantity and a number do not go together."""
    if bound is None or (value.fhir_type == "Quantity") != (bound.fhir_type == "Quantity"):
        return None
    are_texts = isinstance(value.json, str) and isinstance(bound.json, str)
    return Value(bound.key, value.fhir_type, bound.json) if are_texts else bound


def _are_formal(value: Value, bound: Value) -> bool:
    """Quantities compare by coded units only: a unit for people may mean anything.

    Spec: https://hl7.org/fhir/R4/datatypes.html#Quantity
    """
    return all(q.json.get("system") and q.json.get("code") for q in (value, bound))
