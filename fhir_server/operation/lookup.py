"""``CodeSystem/$lookup``: what a code means.

Spec: https://hl7.org/fhir/R4/codesystem-operation-lookup.html
"""

from collections.abc import Iterator

from fhir_server.model import InvalidRequest, JsonObject
from fhir_server.operation.parameters import OperationParameters, answer
from fhir_server.operation.terminology_input import languages_of, supplements_of
from fhir_server.terminology import CodeDetails, Terminology, lookup


def run(
    terminology: Terminology,
    parameters: JsonObject,
    *,
    target: JsonObject | None = None,
    language: str = "",
) -> JsonObject:
    """Look a code up.

    Args:
        terminology: The definitions in force.
        parameters: A Parameters resource.
        target: The CodeSystem the operation was called on.
        language: The header ``Accept-Language`` as sent, "" where there was none.

    Returns:
        Parameters with the name of the system, display, definition, designations and properties.

    Raises:
        InvalidRequest: A parameter is missing or malformed.
        NotFound: The code system is not here, or it has no such code.
    """
    given = OperationParameters(parameters)
    given.require("code", "coding")
    coding = given.json("coding", "Coding") or {}
    system = (target or {}).get("url") or given.text("system") or coding.get("system")
    code = given.text("code") or coding.get("code")
    if not system or not code:
        raise InvalidRequest.of("operation-parameter-missing", expected="system, coding")
    if target is not None:
        terminology = terminology.with_code_system(target)
    found = lookup(
        terminology.systems,
        system,
        code,
        version=(target or {}).get("version") or given.text("version") or coding.get("version"),
        properties=given.texts("property"),
        languages=languages_of(given, language),
        supplements=supplements_of(terminology, given),
    )
    return answer(_entries(found))


def _entries(found: CodeDetails) -> Iterator[JsonObject]:
    yield {"name": "name", "valueString": found.name}
    yield {"name": "version", "valueString": found.version}
    yield {"name": "display", "valueString": found.display or found.code}
    yield {"name": "definition", "valueString": found.definition}
    yield {"name": "system", "valueUri": found.system}
    yield {"name": "code", "valueCode": found.code}
    yield {"name": "abstract", "valueBoolean": found.is_abstract}
    for designation in found.designations:
        parts = (
            ("language", "valueCode", designation.get("language")),
            ("use", "valueCoding", designation.get("use")),
            ("value", "valueString", designation.get("value")),
        )
        yield {"name": "designation", "part": _parts(parts)}
    for name, key, value, description in found.properties:
        parts = (
            ("code", "valueCode", name),
            ("value", key, value),
            ("description", "valueString", description),
        )
        yield {"name": "property", "part": _parts(parts)}


def _parts(parts: tuple[tuple[str, str, object], ...]) -> list[JsonObject]:
    return [{"name": name, key: value} for name, key, value in parts if value is not None]
