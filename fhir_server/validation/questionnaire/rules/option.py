"""Answers of a list: ``answerOption``, ``answerValueSet``, options that stand alone.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.answerOption
"""

from collections.abc import Iterator

from fhir_server.validation.finding import Finding
from fhir_server.validation.questionnaire.answer import Answer
from fhir_server.validation.questionnaire.form import Option
from fhir_server.validation.questionnaire.value import Value, shown
from fhir_server.validation.reading import text_of
from fhir_server.validation.suggestion import nearest

_MOST_SHOWN = 8


def check_option(answer: Answer) -> Iterator[Finding]:
    """Report an answer that is none of the options, and one that excludes the others beside it."""
    options = answer.item.options
    if not options or answer.value.fhir_type == "Quantity":  # no option can be a Quantity
        return
    chosen = next((option for option in options if _is(answer, option)), None)
    if chosen is None:
        yield from _not_listed(answer)
    elif chosen.is_exclusive and answer.count > 1:
        yield Finding(
            "answer-exclusive",
            link_id=answer.item.link_id,
            found=shown(answer.value),
            count=answer.count,
        )


def check_value_set(answer: Answer) -> Iterator[Finding]:
    """Report an answer that is not in the value set; of a ``string`` item the text is the code."""
    value_set, value = answer.item.value_set, answer.value
    if value_set is None:
        return
    if value.fhir_type == "Coding":
        system, code = text_of(value.json, "system"), text_of(value.json, "code")
    elif value.fhir_type == "string" and answer.item.item_type == "string":
        system, code = None, value.json
    else:
        return
    yield from check_membership(answer, value_set, system, code)


def check_membership(
    answer: Answer, value_set: str, system: str | None, code: str | None
) -> Iterator[Finding]:
    """Report a code that is not in a value set, or that nothing is known of.

    The code of a Coding or Quantity without system means nothing, so it is in no value set.
    """
    check = answer.form.check_code(value_set, system, code or "")
    needs_system = answer.value.fhir_type != "string"
    if check.verdict == "member" and (system is not None or not needs_system):
        return
    is_unchecked = check.verdict == "not-checked"
    yield Finding(
        "answer-not-checked" if is_unchecked else "answer-not-in-value-set",
        severity=answer.scope.run.table.options.unknown_system if is_unchecked else None,
        link_id=answer.item.link_id,
        found=shown(answer.value),
        expected=value_set,
        suggestions=(f"{check.system}|{code}",) if check.system else (),
    )


def check_unlisted(answer: Answer) -> Iterator[Finding]:
    """Say of a choice without any list that its answers cannot be checked."""
    item = answer.item
    is_choice = item.item_type in {"choice", "open-choice"}
    if is_choice and not item.options and item.value_set is None:
        yield Finding("answer-without-options", link_id=item.link_id, found=shown(answer.value))


def _is(answer: Answer, option: Option) -> bool:
    """Compare; a Coding has the option's system too, or like the option none."""
    one, other = answer.value, option.value
    are_codings = one.fhir_type == other.fhir_type == "Coding"
    if are_codings and one.json.get("system") != other.json.get("system"):
        return False
    return answer.comparison.holds("=", one, other) is True


def _not_listed(answer: Answer) -> Iterator[Finding]:
    value, item = answer.value, answer.item
    if item.item_type == "open-choice" and value.fhir_type == "string":
        yield from _text_of_option(answer)
        return
    texts = [shown(option.value) for option in item.options]
    more = ", …" if len(texts) > _MOST_SHOWN else ""
    yield Finding(
        "answer-not-an-option",
        link_id=item.link_id,
        found=shown(value),
        expected=", ".join(texts[:_MOST_SHOWN]) + more,
        suggestions=_near(value, item.options),
    )


def _text_of_option(answer: Answer) -> Iterator[Finding]:
    """Free text that repeats an option is most likely that option."""
    text = answer.value.json.casefold()
    for option in answer.item.options:
        if option.value.fhir_type == "Coding" and text in _names(option.value):
            yield Finding(
                "answer-text-is-option",
                link_id=answer.item.link_id,
                found=answer.value.json,
                expected=shown(option.value),
            )
            return


def _names(value: Value) -> set[str]:
    names = (text_of(value.json, "code"), text_of(value.json, "display"))
    return {name.casefold() for name in names if name is not None}


def _near(value: Value, options: tuple[Option, ...]) -> tuple[str, ...]:
    words = {_word(option.value): shown(option.value) for option in reversed(options)}
    return tuple(words[near] for near in nearest(_word(value), words))


def _word(value: Value) -> str:
    """Return what people mistype: of a Coding its code."""
    code = text_of(value.json, "code") if value.fhir_type == "Coding" else None
    return shown(value) if code is None else code
