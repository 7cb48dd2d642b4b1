"""``$batch-validate-code`` on ValueSet and CodeSystem: many codes in one call.

Each parameter ``validation`` holds the Parameters of one ``$validate-code``; other parameters count
for all of them. It is an operation of HL7's terminology ecosystem.

Spec: https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from fhir_server.model import FhirError, InvalidRequest, JsonObject, TooCostly, operation_outcome
from fhir_server.operation import validate_code
from fhir_server.operation.parameters import OperationParameters
from fhir_server.operation.terminology_input import reader_language
from fhir_server.terminology import Terminology

MAX_VALIDATIONS = 1_000
_VALIDATION = "validation"


class _Run(Protocol):
    def __call__(
        self,
        terminology: Terminology,
        parameters: JsonObject,
        *,
        target: JsonObject | None = None,
        language: str = "",
    ) -> JsonObject:
        """Answer one validation."""


def run(
    terminology: Terminology,
    parameters: JsonObject,
    *,
    target: JsonObject | None = None,
    language: str = "",
) -> JsonObject:
    """Validate codes against value sets.

    Args:
        terminology: The definitions in force.
        parameters: A Parameters resource.
        target: The ValueSet the operation was called on.
        language: The header ``Accept-Language`` as sent, "" where there was none.

    Returns:
        Parameters with one ``validation`` for each that was asked, in the same order: the answer of
        ``$validate-code``, or an OperationOutcome where that is refused.

    Raises:
        InvalidRequest: There is no ``validation``.
        TooCostly: There are more than `MAX_VALIDATIONS`.
    """
    return _all(validate_code.run, terminology, parameters, target, language)


def run_in_code_system(
    terminology: Terminology,
    parameters: JsonObject,
    *,
    target: JsonObject | None = None,
    language: str = "",
) -> JsonObject:
    """Validate codes against code systems; see `run`."""
    return _all(validate_code.run_in_code_system, terminology, parameters, target, language)


def _all(
    one: _Run,
    terminology: Terminology,
    parameters: JsonObject,
    target: JsonObject | None,
    language: str,
) -> JsonObject:
    given = OperationParameters(parameters)
    asked = list(given.resources(_VALIDATION, "Parameters"))
    if not asked:
        raise InvalidRequest.of("batch-validation-missing")
    if len(asked) > MAX_VALIDATIONS:
        raise TooCostly.of("batch-validation-too-long", found=len(asked), expected=MAX_VALIDATIONS)
    shared = [e for e in parameters.get("parameter", ()) if e.get("name") != _VALIDATION]

    def answers() -> Iterator[JsonObject]:
        for validation in asked:
            merged = _merged(validation.get("parameter", ()), shared)
            try:
                yield one(terminology, merged, target=target, language=language)
            except FhirError as refusal:
                yield operation_outcome(refusal.issues, reader_language(given, language))

    entries = [{"name": _VALIDATION, "resource": answer} for answer in answers()]
    return {"resourceType": "Parameters", "parameter": entries}


def _merged(own: Iterable[JsonObject], shared: Iterable[JsonObject]) -> JsonObject:
    """Add what counts for all, but for what the validation says itself."""
    kept = list(own)
    names = {entry.get("name") for entry in kept}
    return {
        "resourceType": "Parameters",
        "parameter": [*kept, *(entry for entry in shared if entry.get("name") not in names)],
    }
