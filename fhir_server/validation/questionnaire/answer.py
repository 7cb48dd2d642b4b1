"""One answer with what is around it: what the rules of answers look at.

Spec: https://hl7.org/fhir/R4/questionnaireresponse-definitions.html#QuestionnaireResponse.item.answer
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fhir_server.validation.finding import Finding
from fhir_server.validation.questionnaire.comparison import Comparison
from fhir_server.validation.questionnaire.form import Form, FormItem
from fhir_server.validation.questionnaire.value import Value
from fhir_server.validation.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer that has a value.

    Attributes:
        value: Its value.
        count: How many answers the item has.
        item: What it answers.
        form: The Questionnaire.
        scope: The response.
        comparison: Compares values.
    """

    value: Value
    count: int
    item: FormItem
    form: Form
    scope: Scope
    comparison: Comparison


AnswerRule = Callable[[Answer], Iterator[Finding]]
"""Yields findings whose place is the value."""
