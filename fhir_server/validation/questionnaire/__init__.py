"""Questionnaires and the responses to them, beyond what their base definitions say.

Spec: https://hl7.org/fhir/R4/questionnaire.html and https://hl7.org/fhir/R4/questionnaireresponse.html
"""

from fhir_server.validation.questionnaire.checks import checks_by_type

__all__ = ["checks_by_type"]
