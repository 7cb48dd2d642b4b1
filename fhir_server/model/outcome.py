"""OperationOutcome: how findings are told to people and programs.

Spec: https://hl7.org/fhir/R4/operationoutcome.html; the second language travels in the standard
translation extension (https://hl7.org/fhir/R4/extension-translation.html).
"""

from collections.abc import Iterable
from typing import Any, Literal

from fhir_server.model.issues import Issue
from fhir_server.model.json import JsonObject, encode

Language = Literal["uk", "en"]

RULE_SYSTEM = "https://fhir.esoz.ua/CodeSystem/validation-rule"
_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_OWN = "https://fhir.esoz.ua/StructureDefinition/"


def operation_outcome(issues: Iterable[Issue], language: Language = "uk") -> JsonObject:
    """Render findings, the text of each in both languages, ``language`` first.

    Args:
        issues: The findings; none at all becomes one ``information`` issue by the caller's choice.
        language: Which one stands in ``details.text``; the other one is its translation.

    Returns:
        An OperationOutcome resource.
    """
    return {
        "resourceType": "OperationOutcome",
        "language": language,
        "issue": [_render(found, language) for found in issues],
    }


def _render(found: Issue, language: Language) -> JsonObject:
    other: Language = "en" if language == "uk" else "uk"
    rendered: JsonObject = {
        "severity": found.severity,
        "code": found.code,
        "details": {
            "coding": [{"system": RULE_SYSTEM, "code": found.rule}],
            "text": found.text.in_language(language),
            "_text": {"extension": [_translation(other, found.text.in_language(other))]},
        },
        "diagnostics": _diagnostics(found, language),
    }
    if extensions := _extensions(found):
        rendered["extension"] = extensions
    if found.expression is not None:
        rendered["expression"] = [found.expression]
    return rendered


def _translation(language: str, text: str) -> JsonObject:
    return {
        "url": _HL7 + "translation",
        "extension": [
            {"url": "lang", "valueCode": language},
            {"url": "content", "valueString": text},
        ],
    }


def _diagnostics(found: Issue, language: Language) -> str:
    """The text with its place in the posted file, for programs that show only diagnostics."""
    text = found.text.in_language(language)
    return text if found.line is None else f"{found.line}:{found.column} {text}"


def _extensions(found: Issue) -> list[Any]:
    extensions: list[Any] = []
    if found.line is not None:
        extensions.append({"url": _HL7 + "operationoutcome-issue-line", "valueInteger": found.line})
        extensions.append(
            {"url": _HL7 + "operationoutcome-issue-col", "valueInteger": found.column}
        )
    if found.pointer:
        extensions.append({"url": _OWN + "issue-pointer", "valueString": found.pointer})
    if found.source is not None:
        extensions.append({"url": _OWN + "issue-source", "valueString": found.source})
    for name, value in (("found", found.found), ("expected", found.expected)):
        if value:
            extensions.append({"url": f"{_OWN}issue-{name}", "valueString": value})
    extensions.extend(
        {"url": _OWN + "issue-suggestion", "valueString": choice} for choice in found.suggestions
    )
    if found.patch is not None:
        patch = encode(list(found.patch)).decode()
        extensions.append({"url": _OWN + "issue-patch", "valueString": patch})
    return extensions
