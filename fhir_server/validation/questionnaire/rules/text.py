"""Length and form of texts.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.maxLength,
https://hl7.org/fhir/R4/extension-minlength.html and https://hl7.org/fhir/R4/extension-regex.html
"""

from collections.abc import Iterator

from fhir_server.validation.finding import Finding
from fhir_server.validation.questionnaire.answer import Answer

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_MIN_LENGTH, _REGEX, _FORMAT = f"{_HL7}minLength", f"{_HL7}regex", f"{_HL7}entryFormat"
_TEXTS = frozenset(("string", "uri"))


def check_length(answer: Answer) -> Iterator[Finding]:
    """Report a text that has too few or too many characters, and a string of several lines."""
    text, item = answer.value.json, answer.item
    if answer.value.fhir_type not in _TEXTS:
        return
    shortest, longest = item.number(_MIN_LENGTH), item.json.get("maxLength")
    if shortest is not None and len(text) < shortest:
        yield _length("answer-too-short", answer, shortest)
    if longest.__class__ is int and len(text) > longest:
        yield _length("answer-too-long", answer, longest)
    if item.item_type == "string" and ("\n" in text or "\r" in text):
        yield Finding("answer-several-lines", link_id=item.link_id)


def check_form(answer: Answer) -> Iterator[Finding]:
    """Report a text that does not match the regular expression as a whole."""
    regex = answer.item.text(_REGEX)
    if regex is None or answer.value.fhir_type not in _TEXTS:
        return
    verdict = answer.comparison.matches(answer.value, regex)
    if verdict is None:
        yield Finding("answer-form-not-checked", link_id=answer.item.link_id, expected=regex)
    elif not verdict:
        yield Finding(
            "answer-form",
            link_id=answer.item.link_id,
            found=answer.value.json,
            expected=answer.item.text(_FORMAT) or regex,
            regex=regex,
        )


def _length(rule: str, answer: Answer, expected: int) -> Finding:
    return Finding(
        rule,
        link_id=answer.item.link_id,
        found=answer.value.json,
        count=len(answer.value.json),
        expected=expected,
    )
