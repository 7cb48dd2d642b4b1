"""What a Questionnaire asks of the response as a whole: its subject, and when it was authored.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.subjectType
"""

from collections.abc import Iterator

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding
from fhir_server.validation.questionnaire.comparison import Comparison
from fhir_server.validation.questionnaire.form import Form
from fhir_server.validation.questionnaire.value import Value
from fhir_server.validation.reading import text_of
from fhir_server.validation.reference_target import named_type

_BOUNDS = (("start", "<", "response-too-early"), ("end", ">", "response-too-late"))


def check(response: JsonObject, form: Form, comparison: Comparison) -> Iterator[Finding]:
    """Report a subject of another type, and a date outside of ``effectivePeriod``."""
    yield from _subject(response, form.json.get("subjectType"))
    authored, period = text_of(response, "authored"), form.json.get("effectivePeriod")
    if authored is None or not isinstance(period, dict):
        return
    for key, operator, rule in _BOUNDS:
        bound = text_of(period, key)
        if bound is None:
            continue
        one, other = Value("", "dateTime", authored), Value("", "dateTime", bound)
        if comparison.holds(operator, one, other):
            yield Finding(rule, found=authored, expected=bound, at=(("authored", "authored"),))


def _subject(response: JsonObject, allowed: object) -> Iterator[Finding]:
    subject = response.get("subject")
    if not isinstance(subject, dict) or not isinstance(allowed, list) or not allowed:
        return
    literal = text_of(subject, "reference")
    found = named_type(literal) if literal is not None else None
    found = found or text_of(subject, "type")
    if found is not None and found not in allowed:
        expected = ", ".join(str(name) for name in allowed)
        yield Finding(
            "response-subject", found=found, expected=expected, at=(("subject", "subject"),)
        )
