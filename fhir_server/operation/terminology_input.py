"""What the operations on terminology read alike: languages, versions, the value set that is meant.

Spec: https://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Mapping
from types import MappingProxyType

from fhir_server.model import InvalidRequest, JsonObject, Language, NotFound, issue, split_canonical
from fhir_server.operation.parameters import OperationParameters
from fhir_server.terminology import (
    ANY_LANGUAGE,
    CompiledValueSet,
    Languages,
    Terminology,
    Versions,
    expansion_parameters,
    parse_languages,
)

FURTHER_PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "abstract": "boolean",
        "activeOnly": "boolean",
        "lenient-display-validation": "boolean",
        "mode": "code",
        "valueset-membership-only": "boolean",
        "check-system-version": "canonical",
        "default-valueset-version": "canonical",
        "displayLanguage": "code",
        "force-system-version": "canonical",
        "inferSystem": "boolean",
        "property": "code",
        "system-version": "canonical",
        "useSupplement": "canonical",
        "valueSetVersion": "string",
    }
)
"""Parameters of R5 and of the terminology ecosystem that every terminology operation takes."""


def languages_of(
    parameters: OperationParameters, header: str, value_set: JsonObject | None = None
) -> Languages:
    """Decide on the language: the parameter, the header, then what the value set says itself.

    Raises:
        InvalidRequest: ``displayLanguage`` is no list of languages.
    """
    asked = parameters.text("displayLanguage")
    if asked is not None:
        return parse_languages(asked)
    if header:
        try:
            return parse_languages(header)
        except InvalidRequest:
            return ANY_LANGUAGE  # a header nobody can read is as good as none (RFC 9110, 12.5.4)
    wish = dict(expansion_parameters(value_set or {})).get("displayLanguage")
    wish = wish or (value_set or {}).get("language")
    return parse_languages(wish) if wish else ANY_LANGUAGE


def reader_language(parameters: OperationParameters, header: str) -> Language:
    """Decide on the language of messages: Ukrainian unless the reader's first choice is another."""
    ranges = languages_of(parameters, header).ranges
    return "uk" if not ranges or ranges[0].lower().startswith("uk") else "en"


def supplements_of(terminology: Terminology, parameters: OperationParameters) -> tuple[str, ...]:
    """Read which supplements of code systems are to be applied.

    Raises:
        ValidationFailed: One is not here.
    """
    supplements = parameters.texts("useSupplement")
    terminology.systems.require(supplements)
    return supplements


def versions_of(parameters: OperationParameters) -> Versions:
    """Read which versions of code systems and value sets the request wants."""
    return Versions(
        defaults=_pairs(parameters, "system-version"),
        forced=_pairs(parameters, "force-system-version"),
        checked=_pairs(parameters, "check-system-version"),
        value_sets=_pairs(parameters, "default-valueset-version"),
        supplements=parameters.texts("useSupplement"),
    )


def value_set_of(
    terminology: Terminology, parameters: OperationParameters, target: JsonObject | None
) -> CompiledValueSet:
    """Find the value set that is meant: the instance, ``valueSet``, ``url`` or ``context``.

    Raises:
        InvalidRequest: None of them is given.
        NotFound: It is not here.
        ValidationFailed: It contradicts itself.
    """
    versions = versions_of(parameters)
    given = target or parameters.resource("valueSet", "ValueSet")
    if given is not None:
        return terminology.value_sets.compile(given, versions)
    url = parameters.text("url")
    if url is None:
        context = parameters.text("context")
        parameters.require("url", "valueSet", "context")
        url = bound_value_set(terminology, context or "")
    version = parameters.text("valueSetVersion")
    canonical = f"{url}|{version}" if version and "|" not in url else url
    found = terminology.value_sets.find(canonical, versions)
    if found is None:
        raise NotFound((issue("value-set-unknown", found=canonical),))
    return found


def bound_value_set(terminology: Terminology, context: str) -> str:
    """Return the value set of an element; ``context`` is ``[structure url]#[element path]``.

    Spec: https://hl7.org/fhir/R4/valueset-operation-expand.html (parameter ``context``)

    Raises:
        NotFound: There is no such structure, or the element has no binding.
    """
    structure, _, path = context.partition("#")
    definition = terminology.definitions.resource("StructureDefinition", structure) or {}
    for element in (definition.get("snapshot") or {}).get("element", ()):
        if path in {element.get("id"), element.get("path")}:
            canonical = (element.get("binding") or {}).get("valueSet")
            if canonical:
                return str(canonical)
    raise NotFound.of("binding-unknown", found=context)


def _pairs(parameters: OperationParameters, name: str) -> tuple[tuple[str, str], ...]:
    found = (split_canonical(canonical) for canonical in parameters.texts(name))
    return tuple((url, version) for url, version, _ in found if version is not None)
