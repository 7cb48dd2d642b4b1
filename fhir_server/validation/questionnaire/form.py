"""A Questionnaire prepared for checking responses: items by linkId, what they ask of answers.

Spec: https://hl7.org/fhir/R4/questionnaire.html
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from fhir_server.model import JsonObject
from fhir_server.terminology import CodeCheck, Terminology
from fhir_server.validation.questionnaire.value import Value, value_of
from fhir_server.validation.reading import objects, text_of

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_EXCLUSIVE = f"{_HL7}questionnaire-optionExclusive"
_TRANSLATION = f"{_HL7}translation"
_CQF_EXPRESSION = f"{_HL7}cqf-expression"
_LOCAL = "urn:fhir-server:contained:"
"""Stands before the id of a contained value set, which may have no URL of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One ``answerOption``."""

    value: Value
    is_exclusive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FormItem:
    """One item of a Questionnaire.

    Attributes:
        link_id: ``linkId``.
        item_type: ``group``, ``display``, ``choice`` …; "" where the Questionnaire has none.
        json: The item as it stands there.
        above: linkIds of the items around it, outermost first.
        items: The items in it.
        options: Its ``answerOption``.
        extensions: Values of its extensions by URL.
    """

    link_id: str
    item_type: str
    json: JsonObject
    above: tuple[str, ...]
    items: tuple["FormItem", ...]
    options: tuple[Option, ...]
    extensions: Mapping[str, tuple[Value, ...]]

    @property
    def is_required(self) -> bool:
        """Whether a completed response must have it."""
        return self.json.get("required") is True

    @property
    def is_repeating(self) -> bool:
        """Whether a group may occur, or a question be answered, several times."""
        return self.json.get("repeats") is True

    @property
    def is_question(self) -> bool:
        """Whether it is answered, so that what lies in it nests beneath the answers."""
        return self.item_type not in {"group", "display", ""}

    @property
    def value_set(self) -> str | None:
        """``answerValueSet``."""
        return text_of(self.json, "answerValueSet")

    @property
    def label(self) -> str:
        """Its text, for people; else its linkId."""
        return text_of(self.json, "text") or self.link_id

    @property
    def texts(self) -> frozenset[str]:
        """Its text in every language, spaces folded."""
        texts = [self.json.get("text")]
        sibling = self.json.get("_text")
        for _, extension in objects(sibling if isinstance(sibling, dict) else {}, "extension"):
            if extension.get("url") == _TRANSLATION:
                texts += [part.get("valueString") for _, part in objects(extension, "extension")]
        return frozenset(" ".join(text.split()) for text in texts if isinstance(text, str))

    @property
    def has_computed_text(self) -> bool:
        """Whether an expression makes its text."""
        sibling = self.json.get("_text")
        return isinstance(sibling, dict) and _CQF_EXPRESSION in extension_values(sibling)

    def value(self, *urls: str) -> Value | None:
        """Return the value of the first extension that has one of these URLs."""
        return next((values[0] for url in urls if (values := self.extensions.get(url))), None)

    def number(self, url: str) -> int | None:
        """Return the value of an extension that is a whole number."""
        found = self.value(url)
        return found.json if found is not None and found.json.__class__ is int else None

    def text(self, url: str) -> str | None:
        """Return the value of an extension that is a string."""
        found = self.value(url)
        return found.json if found is not None and isinstance(found.json, str) else None


class Form:
    """A Questionnaire.

    Args:
        questionnaire: Its JSON; not changed.
        terminology: Knows the value sets that are not contained.
        is_sound: Says whether a contained definition can be used.
        container: The resource that contains the Questionnaire, if one does.

    Attributes:
        json: The Questionnaire.
        items: Its items.
        by_link_id: Every item at any depth; of several with one linkId the first.
    """

    def __init__(
        self,
        questionnaire: JsonObject,
        terminology: Terminology,
        is_sound: Callable[[JsonObject], bool],
        container: JsonObject | None = None,
    ) -> None:
        self.json = questionnaire
        self._terminology = terminology
        self._is_sound = is_sound
        self._container = container
        self.items = tuple(_items(questionnaire, ()))
        self.by_link_id: dict[str, FormItem] = {}
        for item in _flat(self.items):
            self.by_link_id.setdefault(item.link_id, item)

    def check_code(self, value_set: str, system: str | None, code: str) -> CodeCheck:
        """Say whether a code is in a value set, which may be contained (``#id``)."""
        if value_set.startswith("#"):
            return self._local.validate_code(f"{_LOCAL}{value_set[1:]}", system, code)
        return self._terminology.validate_code(value_set, system, code)

    @cached_property
    def _local(self) -> Terminology:
        """The terminology with what is contained here."""
        made = self._terminology
        for holder in (self._container, self.json):
            for _, resource in objects(holder or {}, "contained"):
                kind, logical_id = text_of(resource, "resourceType"), text_of(resource, "id")
                if kind not in {"ValueSet", "CodeSystem"} or not self._is_sound(resource):
                    continue
                if kind == "ValueSet":
                    resource = {**resource, "url": f"{_LOCAL}{logical_id}"}  # noqa: PLW2901 # as it is asked for
                made = made.with_code_system(resource)
        return made


def extension_values(element: JsonObject) -> dict[str, tuple[Value, ...]]:
    """Return the values of an element's extensions by URL."""
    found: dict[str, tuple[Value, ...]] = {}
    for _, extension in objects(element, "extension"):
        url, value = text_of(extension, "url"), value_of(extension, "value")
        if url is not None and value is not None:
            found[url] = (*found.get(url, ()), value)
    return found


def _items(holder: JsonObject, above: tuple[str, ...]) -> Iterator[FormItem]:
    for _, item in objects(holder, "item"):
        link_id = text_of(item, "linkId")
        if link_id is None:
            continue
        yield FormItem(
            link_id=link_id,
            item_type=text_of(item, "type") or "",
            json=item,
            above=above,
            items=tuple(_items(item, (*above, link_id))),
            options=tuple(_options(item)),
            extensions=extension_values(item),
        )


def _options(item: JsonObject) -> Iterator[Option]:
    for _, option in objects(item, "answerOption"):
        value = value_of(option, "value")
        if value is not None:
            marks = extension_values(option).get(_EXCLUSIVE, ())
            yield Option(value=value, is_exclusive=any(mark.json is True for mark in marks))


def _flat(items: tuple[FormItem, ...]) -> Iterator[FormItem]:
    for item in items:
        yield item
        yield from _flat(item.items)
