"""``ValueSet/$expand``: the codes of a value set.

Spec: https://hl7.org/fhir/R4/valueset-operation-expand.html
"""

from collections.abc import Callable
from datetime import UTC, datetime

from fhir_server.model import JsonObject
from fhir_server.operation.parameters import OperationParameters
from fhir_server.operation.terminology_input import languages_of, value_set_of
from fhir_server.terminology import ExpansionOptions, Terminology, expand

_ECHOED = frozenset(
    {
        "activeOnly", "check-system-version", "count", "date", "default-valueset-version",
        "designation", "displayLanguage", "exclude-system", "excludeNested", "excludeNotForUI",
        "excludePostCoordinated", "filter", "force-system-version", "includeDefinition",
        "includeDesignations", "offset", "property", "system-version", "useSupplement",
    }
)  # fmt: skip
_EXPANSION_TYPES = frozenset(
    {"valueString", "valueBoolean", "valueInteger", "valueDecimal", "valueUri", "valueCode"}
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def run(
    terminology: Terminology,
    parameters: JsonObject,
    *,
    target: JsonObject | None = None,
    language: str = "",
    clock: Callable[[], datetime] = _utc_now,
) -> JsonObject:
    """Expand a value set; to a tree only where ``excludeNested`` is false.

    R4 names no default. A list is what forms show, and clients that read one level miss no code.

    Args:
        terminology: The definitions in force.
        parameters: A Parameters resource.
        target: The ValueSet the operation was called on.
        language: The header ``Accept-Language`` as sent, "" where there was none.
        clock: For the timestamp.

    Returns:
        The ValueSet with its expansion.

    Raises:
        InvalidRequest: A parameter is missing or malformed.
        NotFound: The value set is not here.
        ValidationFailed: Something the value set needs is not here, or it contradicts itself.
        TooCostly: Its codes cannot be listed.
    """
    given = OperationParameters(parameters)
    value_set = value_set_of(terminology, given, target)
    text = given.text("filter")
    options = ExpansionOptions(
        text=text,
        count=given.integer("count"),
        offset=given.integer("offset") or 0,
        is_active_only=given.boolean("activeOnly") is True,
        excludes_nested=given.boolean("excludeNested") is not False or text is not None,
        excludes_abstract=given.boolean("excludeNotForUI") is True,
        includes_designations=given.boolean("includeDesignations") is True,
        designations=given.texts("designation"),
        includes_definition=given.boolean("includeDefinition") is True,
        languages=languages_of(given, language, value_set.json),
        properties=given.texts("property"),
        excluded_systems=given.texts("exclude-system"),
        echo=_echo(parameters),
    )
    return expand(value_set, options, clock(), terminology.systems.definition)


def _echo(parameters: JsonObject) -> tuple[JsonObject, ...]:
    """Repeat the parameters; ``expansion.parameter`` has fewer types than Parameters."""
    echoed: list[JsonObject] = []
    for entry in parameters.get("parameter", ()):
        for key, value in entry.items():
            if key.startswith("value") and entry.get("name") in _ECHOED:
                kept = key if key in _EXPANSION_TYPES else "valueUri"
                echoed.append({"name": entry["name"], kept: value})
    return tuple(echoed)
