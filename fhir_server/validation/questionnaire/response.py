"""A response against its Questionnaire: places, order and number of items and answers.

Spec: https://hl7.org/fhir/R4/questionnaireresponse.html
"""

from collections.abc import Iterable, Iterator, Sequence

from fhir_server.model import JsonObject, Severity
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.questionnaire.answer import Answer, AnswerRule
from fhir_server.validation.questionnaire.chain import Answers, Chain, Filled, Level, is_answered
from fhir_server.validation.questionnaire.comparison import Comparison
from fhir_server.validation.questionnaire.enabling import EXPRESSIONS, Enabling
from fhir_server.validation.questionnaire.form import Form, FormItem
from fhir_server.validation.questionnaire.rules import (
    attachment,
    bound,
    option,
    target,
    text,
    unit,
    value_type,
)
from fhir_server.validation.questionnaire.value import value_of
from fhir_server.validation.reading import objects, text_of
from fhir_server.validation.scope import Scope

ANSWER_RULES: Sequence[AnswerRule] = (
    bound.check_bounds,
    bound.check_decimal_places,
    text.check_length,
    text.check_form,
    option.check_option,
    option.check_value_set,
    option.check_unlisted,
    unit.check,
    attachment.check_mime_type,
    attachment.check_size,
    target.check,
)
"""What is checked of an answer whose value has the right type, in order."""

_HL7 = "http://hl7.org/fhir/StructureDefinition/questionnaire-"
_MIN_OCCURS, _MAX_OCCURS = f"{_HL7}minOccurs", f"{_HL7}maxOccurs"
_ITEM: Step = ("item", "item")
_ANSWER: Step = ("answer", "answer")
_COMPLETE = frozenset(("completed", "amended"))

Occurrences = list[tuple[int, JsonObject]]
"""The items of one linkId beside each other, with their index."""


class ResponseCheck:
    """Checks one response.

    Args:
        form: The Questionnaire it answers.
        scope: The response.
        comparison: Compares values.
        enabling: Says which items are enabled.
    """

    def __init__(
        self, form: Form, scope: Scope, comparison: Comparison, enabling: Enabling
    ) -> None:
        self._form = form
        self._scope = scope
        self._filled = Filled(form, scope, Answers())
        self._comparison = comparison
        self._enabling = enabling
        is_complete = text_of(scope.resource, "status") in _COMPLETE
        self._missing: Severity = "error" if is_complete else "warning"

    def run(self) -> Findings:
        """Return what is wrong, seen from the response."""
        response = self._scope.resource
        chain = (Level(None, response, response),)
        return list(self._items(self._form.items, chain, is_asked=True))

    # -- the items in one place

    def _items(
        self, expected: Sequence[FormItem], chain: Chain, *, is_asked: bool
    ) -> Iterator[Finding]:
        """Check the items in the innermost holder of ``chain``; not asked: they are disabled."""
        present: dict[str, Occurrences] = {}
        ranks = {item.link_id: rank for rank, item in enumerate(expected)}
        last = 0
        for index, item in objects(chain[-1].holder, "item"):
            link_id = text_of(item, "linkId")
            if link_id is None:
                continue
            rank = ranks.get(link_id)
            if rank is None:
                yield from _under(self._stranger(link_id, item, chain, is_asked), index, _ITEM)
                continue
            if rank < last:
                yield Finding(
                    "response-order",
                    link_id=link_id,
                    found=expected[last].link_id,
                    at=(index, _ITEM),
                )
            last = max(rank, last)
            present.setdefault(link_id, []).append((index, item))
        for form_item in expected:
            occurrences = present.get(form_item.link_id, [])
            yield from self._expected(form_item, occurrences, chain, is_asked)

    def _stranger(
        self, link_id: str, item: JsonObject, chain: Chain, is_asked: bool
    ) -> Iterator[Finding]:
        """Report an item that does not belong here; one known elsewhere is checked all the same."""
        known = self._form.by_link_id.get(link_id)
        if known is None:
            yield Finding(
                "response-link-id",
                found=link_id,
                suggestions=self._scope.run.nearest(link_id, self._form.by_link_id),
                at=(("linkId", "linkId"),),
            )
            return
        yield Finding(
            "response-place",
            found=link_id,
            expected=known.above[-1] if known.above else "QuestionnaireResponse",
        )
        yield from self._item(known, item, chain, is_asked)

    def _expected(
        self, form_item: FormItem, occurrences: Occurrences, chain: Chain, is_asked: bool
    ) -> Iterator[Finding]:
        enabled = self._is_enabled(form_item, chain) if is_asked else False
        if enabled is None and form_item.value(*EXPRESSIONS) is not None:
            yield Finding("response-enabling-not-checked", link_id=form_item.link_id)
        if enabled is False and is_asked:
            for index, item in occurrences:
                if is_answered(item):
                    at = (index, _ITEM)
                    yield Finding("response-disabled", link_id=form_item.link_id, at=at)
            occurrences = [(i, item) for i, item in occurrences if not is_answered(item)]
        if not occurrences:
            if enabled and form_item.is_required and form_item.item_type != "display":
                yield self._required(form_item)
            return
        yield from self._number(form_item, occurrences, is_asked=enabled is True)
        for index, item in occurrences:
            more = self._item(form_item, item, chain, enabled is True)
            yield from _under(more, index, _ITEM)

    def _is_enabled(self, form_item: FormItem, chain: Chain) -> bool | None:
        return self._enabling.is_enabled(form_item, chain, self._filled)

    def _required(self, form_item: FormItem) -> Finding:
        return Finding(
            "response-required",
            severity=self._missing,
            link_id=form_item.link_id,
            expected=form_item.label,
        )

    def _number(
        self, form_item: FormItem, occurrences: Occurrences, *, is_asked: bool
    ) -> Iterator[Finding]:
        """Compare how often a group occurs, or a question is answered, with what is allowed."""
        if len(occurrences) > 1:
            rule = "response-item-repeats"
            if form_item.is_repeating:
                rule = "response-question-in-pieces" if form_item.is_question else ""
            if rule:
                yield Finding(
                    rule,
                    link_id=form_item.link_id,
                    count=len(occurrences),
                    at=(occurrences[1][0], _ITEM),
                )
        count = len(occurrences)
        if form_item.is_question:
            count = sum(1 for _, item in occurrences for _ in objects(item, "answer"))
        most, least = form_item.number(_MAX_OCCURS), form_item.number(_MIN_OCCURS)
        at = (occurrences[0][0], _ITEM)
        link_id = form_item.link_id
        if most is not None and count > most:
            yield Finding("response-max-occurs", link_id=link_id, found=count, expected=most, at=at)
        if least is not None and is_asked and count < least and (count or form_item.is_required):
            yield Finding(
                "response-min-occurs",
                severity=self._missing,
                link_id=link_id,
                found=count,
                expected=least,
                at=at,
            )

    # -- one item

    def _item(
        self, form_item: FormItem, item: JsonObject, chain: Chain, is_asked: bool
    ) -> Iterator[Finding]:
        yield from _text(form_item, item)
        if form_item.item_type == "group":
            yield from self._group(form_item, item, chain, is_asked)
        elif form_item.item_type == "display":
            yield from _display(form_item, item)
        else:
            yield from self._question(form_item, item, chain, is_asked)

    def _group(
        self, form_item: FormItem, item: JsonObject, chain: Chain, is_asked: bool
    ) -> Iterator[Finding]:
        if any(True for _ in objects(item, "answer")):
            yield Finding("response-group-answered", link_id=form_item.link_id, at=(_ANSWER,))
        if form_item.is_required and is_asked and not any(True for _ in objects(item, "item")):
            severity = self._missing
            yield Finding("response-group-empty", severity=severity, link_id=form_item.link_id)
            return
        inner = (*chain, Level(form_item.link_id, item, item))
        yield from self._items(form_item.items, inner, is_asked=is_asked)

    def _question(
        self, form_item: FormItem, item: JsonObject, chain: Chain, is_asked: bool
    ) -> Iterator[Finding]:
        if any(True for _ in objects(item, "item")):
            yield Finding("response-nested-in-item", link_id=form_item.link_id, at=(_ITEM,))
        answers = list(objects(item, "answer"))
        if not answers:
            if form_item.is_required and is_asked:
                yield self._required(form_item)
            return
        if form_item.item_type not in value_type.FITTING:
            yield Finding(
                "response-question-abstract",
                link_id=form_item.link_id,
                found=form_item.item_type or None,
                at=(_ANSWER,),
            )
            return
        if len(answers) > 1 and not form_item.is_repeating:
            at = (answers[1][0], _ANSWER)
            count = len(answers)
            yield Finding("response-answer-repeats", link_id=form_item.link_id, found=count, at=at)
        for index, answer in answers:
            yield from _under(self._answer(form_item, answer, len(answers)), index, _ANSWER)
            inner = (*chain, Level(form_item.link_id, item, answer))
            more = self._items(form_item.items, inner, is_asked=is_asked)
            yield from _under(more, index, _ANSWER)

    def _answer(self, form_item: FormItem, answer: JsonObject, count: int) -> Iterator[Finding]:
        value = value_of(answer, "value")
        if value is None:
            return
        checked = Answer(
            value=value,
            count=count,
            item=form_item,
            form=self._form,
            scope=self._scope,
            comparison=self._comparison,
        )
        wrong = list(value_type.check(checked))
        found = wrong or [finding for rule in ANSWER_RULES for finding in rule(checked)]
        yield from _under(found, (value.key, "value"))


def _text(form_item: FormItem, item: JsonObject) -> Iterator[Finding]:
    """The text of an item is that of the Questionnaire, in one of its languages."""
    text = text_of(item, "text")
    if text is None or form_item.has_computed_text:
        return
    if " ".join(text.split()) not in form_item.texts:
        yield Finding(
            "response-text",
            link_id=form_item.link_id,
            found=text,
            expected=form_item.label,
            at=(("text", "text"),),
        )


def _display(form_item: FormItem, item: JsonObject) -> Iterator[Finding]:
    for key, step in (("answer", _ANSWER), ("item", _ITEM)):
        if any(True for _ in objects(item, key)):
            yield Finding("response-display-filled", link_id=form_item.link_id, at=(step,))


def _under(found: Iterable[Finding], *steps: Step) -> Iterator[Finding]:
    """Pass findings on with ``steps`` (innermost first) to where they were found."""
    for finding in found:
        finding.steps.extend(steps)
        yield finding
