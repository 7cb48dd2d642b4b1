"""A Questionnaire's own rules, beyond its invariants: conditions that can work, options that fit.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item
"""

from collections.abc import Iterator
from typing import NamedTuple

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.questionnaire.rules.value_type import FITTING
from fhir_server.validation.questionnaire.value import value_of
from fhir_server.validation.reading import objects, text_of
from fhir_server.validation.scope import Scope

_ORDERED = frozenset(("decimal", "integer", "date", "dateTime", "time", "string", "Quantity"))
_NOT_ASKED = frozenset(("group", "display"))
_CONDITION: Step = ("enableWhen", "enableWhen")


class _Place(NamedTuple):
    """An item of a Questionnaire.

    Attributes:
        item: Its JSON.
        order: Its place in the reading order.
        above: linkIds of the items around it.
        steps: The way to it, innermost step first.
    """

    item: JsonObject
    order: int
    above: tuple[str, ...]
    steps: tuple[Step, ...]


def check(questionnaire: JsonObject, scope: Scope) -> Findings | None:
    """Check the items of a Questionnaire."""
    places: list[_Place] = []
    _collect(questionnaire, (), (), places)
    by_link_id: dict[str, _Place] = {}
    found: Findings = []
    for place in places:
        link_id = text_of(place.item, "linkId")
        if link_id is None:
            continue
        if link_id in by_link_id:
            repeated = Finding("questionnaire-link-id-repeated", source="que-2", found=link_id)
            repeated.steps += [("linkId", "linkId"), *place.steps]
            found.append(repeated)
        else:
            by_link_id[link_id] = place
    for place in places:
        for finding in _item(place, by_link_id, scope):
            finding.steps.extend(place.steps)
            found.append(finding)
    return found or None


def _collect(
    holder: JsonObject, above: tuple[str, ...], steps: tuple[Step, ...], places: list[_Place]
) -> None:
    for index, item in objects(holder, "item"):
        way = (index, ("item", "item"), *steps)
        places.append(_Place(item, len(places), above, way))
        _collect(item, (*above, text_of(item, "linkId") or ""), way, places)


def _item(place: _Place, by_link_id: dict[str, _Place], scope: Scope) -> Iterator[Finding]:
    for index, condition in objects(place.item, "enableWhen"):
        for finding in _condition(condition, place, by_link_id, scope):
            finding.steps += [index, _CONDITION]
            yield finding
    yield from _values(place.item, "answerOption")
    yield from _values(place.item, "initial")


def _condition(
    condition: JsonObject, place: _Place, by_link_id: dict[str, _Place], scope: Scope
) -> Iterator[Finding]:
    asked, own = text_of(condition, "question"), text_of(place.item, "linkId")
    if asked is None:
        return
    at: tuple[Step, ...] = (("question", "question"),)
    target = by_link_id.get(asked)
    if target is None:
        near = scope.run.nearest(asked, by_link_id)
        yield Finding("questionnaire-condition-unknown", found=asked, suggestions=near, at=at)
    elif asked == own:
        yield Finding("questionnaire-condition-self", found=asked, at=at)
    elif own in target.above:
        yield Finding("questionnaire-condition-inner", found=asked, expected=own, at=at)
    else:
        if target.order > place.order:
            yield Finding("questionnaire-condition-later", found=asked, at=at)
        yield from _comparable(condition, asked, text_of(target.item, "type"))


def _comparable(condition: JsonObject, asked: str, item_type: str | None) -> Iterator[Finding]:
    """A condition can be met only by answers of the type it names, and some types have no order."""
    if item_type in _NOT_ASKED:
        at: tuple[Step, ...] = (("question", "question"),)
        yield Finding("questionnaire-condition-no-question", found=asked, expected=item_type, at=at)
        return
    answer, operator = value_of(condition, "answer"), text_of(condition, "operator")
    if answer is None or operator == "exists":
        return
    types = FITTING.get(str(item_type), ())
    if types and answer.fhir_type not in {*types, *_REFERENCES.get(str(item_type), ())}:
        yield Finding(
            "questionnaire-condition-type",
            link_id=asked,
            found=answer.fhir_type,
            expected=" | ".join(types),
            at=((answer.key, "answer"),),
        )
    elif operator in {"<", ">", "<=", ">="} and answer.fhir_type not in _ORDERED:
        yield Finding(
            "questionnaire-condition-order",
            found=operator,
            expected=answer.fhir_type,
            at=(("operator", "operator"),),
        )


_REFERENCES = {
    "choice": ("Reference",), "open-choice": ("Reference",), "url": ("string",),
    "decimal": ("integer",), "dateTime": ("date",),
}  # fmt: skip
"""What an option or a condition may also be; R4 has no ``answerUri`` and no decimal option."""


def _values(item: JsonObject, name: str) -> Iterator[Finding]:
    """Options and initial values agree with the type of the item."""
    item_type = text_of(item, "type")
    types = FITTING.get(str(item_type), ())
    if not types:
        return
    allowed = {*types, *_REFERENCES.get(str(item_type), ())}
    for index, holder in objects(item, name):
        value = value_of(holder, "value")
        if value is not None and value.fhir_type not in allowed:
            yield Finding(
                "questionnaire-value-type",
                item_type=item_type,
                found=value.fhir_type,
                expected=" | ".join(types),
                at=((value.key, "value"), index, (name, name)),
            )
