"""What the walk over a resource calls for Questionnaires and responses.

Spec: https://hl7.org/fhir/R4/questionnaireresponse.html
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType

from fhir_server.model import JsonObject, Severity
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.questionnaire import design, header
from fhir_server.validation.questionnaire.comparison import Comparison
from fhir_server.validation.questionnaire.enabling import Enabling
from fhir_server.validation.questionnaire.response import ResponseCheck
from fhir_server.validation.questionnaire.source import Forms
from fhir_server.validation.scope import Plans, Scope

ResourceCheck = Callable[[JsonObject, Scope], Findings | None]
"""Checks a whole resource of one type; None means fine."""


def checks_by_type(table: Plans) -> Mapping[str, ResourceCheck]:
    """Return the checks by resource type; they live as long as ``table``."""
    return MappingProxyType(
        {"Questionnaire": design.check, "QuestionnaireResponse": _Responses(table).check}
    )


class _Responses:
    """Checks responses."""

    def __init__(self, table: Plans) -> None:
        self._table = table
        self._forms = Forms(table)

    @cached_property
    def _comparison(self) -> Comparison:
        return Comparison(self._table.registry.types)

    @cached_property
    def _enabling(self) -> Enabling:
        return Enabling(self._comparison)

    def check(self, response: JsonObject, scope: Scope) -> Findings | None:
        """Check a response against the Questionnaire it names."""
        canonical = response.get("questionnaire")
        if not isinstance(canonical, str):
            return [Finding("response-without-questionnaire")]
        form = self._forms.find(canonical, scope)
        if form is None:
            return [self._unknown(canonical)]
        found = list(header.check(response, form, self._comparison))
        found += ResponseCheck(form, scope, self._comparison, self._enabling).run()
        return found or None

    def _unknown(self, canonical: str) -> Finding:
        severity: Severity = "error" if canonical.startswith("#") else "warning"
        return Finding(
            "response-questionnaire-unknown",
            severity=severity,
            found=canonical,
            suggestions=self._forms.versions(canonical),
            at=(("questionnaire", "questionnaire"),),
        )
