"""``$validate-code`` on ValueSet and CodeSystem: is this code right?

Spec: https://hl7.org/fhir/R4/valueset-operation-validate-code.html and
https://hl7.org/fhir/R4/codesystem-operation-validate-code.html
"""

from collections.abc import Iterator

from fhir_server.model import (
    InvalidRequest,
    JsonObject,
    Language,
    NotFound,
    issue,
    operation_outcome,
)
from fhir_server.operation.parameters import OperationParameters, answer
from fhir_server.operation.terminology_input import (
    languages_of,
    reader_language,
    supplements_of,
    value_set_of,
)
from fhir_server.terminology import (
    ISSUE_TYPES,
    TX_ISSUE_TYPE,
    CodeValidation,
    CodingToCheck,
    Languages,
    Terminology,
    ValidationOptions,
    coding_to_check,
    validate_in_code_system,
    validate_in_value_set,
)


def run(
    terminology: Terminology,
    parameters: JsonObject,
    *,
    target: JsonObject | None = None,
    language: str = "",
) -> JsonObject:
    """Validate a code, a Coding or a CodeableConcept against a value set.

    Args:
        terminology: The definitions in force.
        parameters: A Parameters resource.
        target: The ValueSet the operation was called on.
        language: The header ``Accept-Language`` as sent, "" where there was none.

    Returns:
        Parameters with ``result`` and, where there is something to say, ``message`` and ``issues``.

    Raises:
        InvalidRequest: A parameter is missing or malformed.
        NotFound: The value set is not here.
        ValidationFailed: The value set contradicts itself.
    """
    given = OperationParameters(parameters)
    value_set = value_set_of(terminology, given, target)
    infers = given.boolean("inferSystem") is True
    languages = languages_of(given, language, value_set.json)
    found = validate_in_value_set(
        value_set,
        terminology.systems,
        _codings(given, system="system", version="systemVersion", may_lack_system=infers),
        _options(terminology, given, languages, infers=infers),
    )
    return answer(_entries(found, given, reader_language(given, language)))


def run_in_code_system(
    terminology: Terminology,
    parameters: JsonObject,
    *,
    target: JsonObject | None = None,
    language: str = "",
) -> JsonObject:
    """Validate a code, a Coding or a CodeableConcept against a code system.

    Args:
        terminology: The definitions in force.
        parameters: A Parameters resource.
        target: The CodeSystem the operation was called on.
        language: The header ``Accept-Language`` as sent, "" where there was none.

    Returns:
        As `run`.

    Raises:
        InvalidRequest: A parameter is missing or malformed.
        NotFound: The code system that ``url`` names is not here.
    """
    given = OperationParameters(parameters)
    inline = target or given.resource("codeSystem", "CodeSystem")
    if inline is not None:
        terminology = terminology.with_code_system(inline)
    url = inline.get("url") if inline is not None else given.text("url")
    version = inline.get("version") if inline is not None else given.text("version")
    has_coding = any(True for name in ("coding", "codeableConcept") for _ in given.entries(name))
    if url is None and not has_coding:
        given.require("url", "codeSystem")
    if url is not None and not has_coding and terminology.systems.definition(url, version) is None:
        _check_known(terminology, url, version)
    languages = languages_of(given, language)
    found = validate_in_code_system(
        terminology.systems,
        url,
        version,
        _codings(given, system="url", version="version", may_lack_system=True),
        _options(terminology, given, languages),
    )
    return answer(_entries(found, given, reader_language(given, language)))


def _check_known(terminology: Terminology, url: str, version: str | None) -> None:
    if terminology.systems.find(url, version) is None:
        shown = f"{url}|{version}" if version else url
        raise NotFound((issue("code-system-unknown", found=shown, severity="error"),))


def _options(
    terminology: Terminology,
    given: OperationParameters,
    languages: Languages,
    *,
    infers: bool = False,
) -> ValidationOptions:
    return ValidationOptions(
        languages=languages,
        allows_abstract=given.boolean("abstract") is not False,
        infers_system=infers,
        is_lenient_about_displays=given.boolean("lenient-display-validation") is True
        or "lenient-display-validation" in given.texts("mode"),
        checks_membership_only=given.boolean("valueset-membership-only") is True,
        is_active_only=given.boolean("activeOnly") is True,
        supplements=supplements_of(terminology, given),
    )


def _codings(
    given: OperationParameters, *, system: str, version: str, may_lack_system: bool
) -> tuple[CodingToCheck, ...]:
    """Read what is to be checked: ``codeableConcept``, ``coding`` or ``code``.

    Raises:
        InvalidRequest: Nothing is given, or a code without its system.
    """
    concept = given.json("codeableConcept", "CodeableConcept")
    if concept is not None:
        codings = concept.get("coding", ())
        if not codings:
            raise InvalidRequest.of("operation-parameter-missing", expected="coding.code")
        return tuple(
            coding_to_check(coding, f"CodeableConcept.coding[{index}]")
            for index, coding in enumerate(codings)
        )
    coding = given.json("coding", "Coding")
    if coding is not None:
        return (coding_to_check(coding, "Coding"),)
    given.require("code", "coding", "codeableConcept")
    if not may_lack_system:
        given.require(system, "inferSystem")
    return (
        CodingToCheck(
            system=given.text(system),
            code=given.text("code") or "",
            display=given.text("display"),
            version=given.text(version),
        ),
    )


def _entries(
    found: CodeValidation, given: OperationParameters, language: Language
) -> Iterator[JsonObject]:
    yield {"name": "result", "valueBoolean": found.result}
    warnings = [i for i in found.issues if i.severity == "warning"]
    told = found.errors or warnings or [i for i in found.issues if i.rule != "terminology-status"]
    if told:
        message = "; ".join(dict.fromkeys(i.text.in_language(language) for i in told))
        yield {"name": "message", "valueString": message}
    check = found.check
    if check is not None and check.member is not None:
        member = check.member
        yield {"name": "display", "valueString": check.display}
        yield {"name": "code", "valueCode": member.code}
        yield {"name": "system", "valueUri": member.system or None}
        yield {"name": "version", "valueString": member.version}
        if member.concept is not None and member.concept.is_inactive:
            yield {"name": "inactive", "valueBoolean": True}
    concept = given.json("codeableConcept", "CodeableConcept")
    if concept is not None:
        yield {"name": "codeableConcept", "valueCodeableConcept": concept}
    for unknown in found.issues:
        if unknown.rule == "code-system-unknown" and unknown.is_error:
            yield {"name": "x-caused-by-unknown-system", "valueCanonical": unknown.found}
    if found.issues:
        yield {"name": "issues", "resource": _outcome(found, language)}


def _outcome(found: CodeValidation, language: Language) -> JsonObject:
    """Render the findings; their kind in the words of HL7's terminology ecosystem comes along."""
    outcome = operation_outcome(found.issues, language)
    for one, rendered in zip(found.issues, outcome["issue"], strict=True):
        kind = ISSUE_TYPES.get(one.rule)
        if kind is not None:
            rendered["details"]["coding"].append({"system": TX_ISSUE_TYPE, "code": kind})
    return outcome
