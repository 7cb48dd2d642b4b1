"""Where in a response an item stands, and the answers that another item sees from there.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen.question
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fhir_server.model import JsonObject
from fhir_server.validation.questionnaire.form import Form, FormItem
from fhir_server.validation.questionnaire.value import Value, value_of
from fhir_server.validation.reading import objects, text_of
from fhir_server.validation.scope import Scope


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


class Answers:
    """The answers of one response, to be found from any place in it.

    What lies in a holder is collected once, so that many conditions cost no more than the response
    is large.
    """

    def __init__(self) -> None:
        self._by_holder: dict[int, dict[str, list[Value]]] = {}  # by identity of the holder

    def of(self, target: FormItem, chain: Chain) -> Sequence[Value]:
        """Return the answers of ``target`` that are meant at the end of ``chain``.

        An item around it is the nearest; else the answers within the innermost group that holds
        both, so that in a repeating group each occurrence asks its own.
        """
        for level in reversed(chain):
            if level.link_id == target.link_id:
                return list(_values(level.item))
        shared = chain[0]
        for level, link_id in zip(chain[1:], target.above, strict=False):
            if level.link_id != link_id:
                break
            shared = level
        found = self._by_holder.get(id(shared.holder))
        if found is None:
            found = self._by_holder[id(shared.holder)] = {}
            _collect(shared.holder, found)
        return found.get(target.link_id, ())


class Filled(NamedTuple):
    """A response with what it is checked by.

    Attributes:
        form: The Questionnaire it answers.
        scope: The response.
        answers: Its answers.
    """

    form: Form
    scope: Scope
    answers: Answers


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


def _collect(holder: JsonObject, found: dict[str, list[Value]]) -> None:
    for _, item in objects(holder, "item"):
        link_id = text_of(item, "linkId")
        if link_id is not None:
            found.setdefault(link_id, []).extend(_values(item))
        _collect(item, found)
        for _, answer in objects(item, "answer"):
            _collect(answer, found)
