"""Where in a response an item stands, and the answers that another item sees from there.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen.question
"""

from collections.abc import Iterator
from typing import NamedTuple

from fhir_server.model import JsonObject
from fhir_server.validation.questionnaire.form import FormItem
from fhir_server.validation.questionnaire.value import Value, objects, value_of


class Level(NamedTuple):
    """One level of the way from the response to an item.

    Attributes:
        link_id: Of the item; None for the response.
        item: The item, or the response.
        holder: What the next level stands in: the item, or one of its answers.
    """

    link_id: str | None
    item: JsonObject
    holder: JsonObject


Chain = tuple[Level, ...]
"""From the response to the innermost item."""


def answers_of(target: FormItem, chain: Chain) -> list[Value]:
    """Return the answers of ``target`` that are meant at the end of ``chain``.

    An item around it is the nearest; else the answers within the innermost group that holds both,
    so that in a repeating group each occurrence asks its own.
    """
    for level in reversed(chain):
        if level.link_id == target.link_id:
            return list(_values(level.item))
    shared = chain[0]
    for level, link_id in zip(chain[1:], target.above, strict=False):
        if level.link_id != link_id:
            break
        shared = level
    return [
        value for item in _occurrences(shared.holder, target.link_id) for value in _values(item)
    ]


def is_answered(item: JsonObject) -> bool:
    """Say whether there is an answer in an item, at any depth."""
    return any(True for _ in objects(item, "answer")) or any(
        is_answered(inner) for _, inner in objects(item, "item")
    )


def _values(item: JsonObject) -> Iterator[Value]:
    for _, answer in objects(item, "answer"):
        value = value_of(answer, "value")
        if value is not None:
            yield value


def _occurrences(holder: JsonObject, link_id: str) -> Iterator[JsonObject]:
    for _, item in objects(holder, "item"):
        if item.get("linkId") == link_id:
            yield item
        yield from _occurrences(item, link_id)
        for _, answer in objects(item, "answer"):
            yield from _occurrences(answer, link_id)
