"""What a CodeSystem must keep to so that others can rely on it, beyond its invariants.

Spec: https://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Iterator
from typing import NamedTuple

from fhir_server.model import JsonObject
from fhir_server.validation.content.known_systems import KnownSystems
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.reading import objects, text_of
from fhir_server.validation.reference_target import is_absolute

_HL7 = "http://hl7.org/fhir/concept-properties#"
_KNOWN = {
    "status": "code", "inactive": "boolean", "effectiveDate": "dateTime",
    "deprecated": "dateTime", "deprecationDate": "dateTime", "retirementDate": "dateTime",
    "notSelectable": "boolean", "parent": "code", "child": "code", "partOf": "code",
    "synonym": "code", "comment": "string", "itemWeight": "decimal", "order": "integer",
}  # fmt: skip
"""The properties of https://hl7.org/fhir/R4/codesystem-concept-properties.html and later ones."""
_INTERNAL = frozenset(("parent", "child", "partOf", "synonym"))
_PROPERTY: Step = ("property", "property")


class _Concept(NamedTuple):
    json: JsonObject
    steps: tuple[Step, ...]


def check(system: JsonObject, systems: KnownSystems) -> Findings | None:
    """Check a CodeSystem as a whole."""
    concepts = list(_concepts(system, ()))
    found = [
        *_content(system, len(concepts)),
        *_supplement(system, concepts, systems),
        *_declared(system),
        *_values(system, concepts),
    ]
    return found or None


def _concepts(holder: JsonObject, around: tuple[Step, ...]) -> Iterator[_Concept]:
    for index, concept in objects(holder, "concept"):
        steps: tuple[Step, ...] = (index, ("concept", "concept"), *around)
        yield _Concept(concept, steps)
        yield from _concepts(concept, steps)


def _content(system: JsonObject, number: int) -> Iterator[Finding]:
    """``content`` and ``count`` agree with the concepts that are there."""
    content, count = text_of(system, "content"), system.get("count")
    if content == "not-present" and number:
        at: tuple[Step, ...] = (("concept", "concept"),)
        yield Finding("code-system-not-present", found=number, at=at)
    elif content == "complete" and number and isinstance(count, int) and count != number:
        at = (("count", "count"),)
        yield Finding("code-system-count", found=count, expected=number, at=at)


def _supplement(
    system: JsonObject, concepts: list[_Concept], systems: KnownSystems
) -> Iterator[Finding]:
    content, supplemented = text_of(system, "content"), text_of(system, "supplements")
    if content == "supplement" and supplemented is None:
        yield Finding("supplement-of-nothing")
        return
    if supplemented is None:
        return
    if content != "supplement":
        at: tuple[Step, ...] = (("content", "content"),)
        yield Finding("supplement-content", found=content, expected="supplement", at=at)
    if "caseSensitive" in system:
        yield Finding("supplement-case", at=(("caseSensitive", "caseSensitive"),))
    known = systems.codes(supplemented)
    for concept in concepts if known is not None else ():
        code = text_of(concept.json, "code")
        if code is not None and code not in (known or ()):
            yield Finding(
                "supplement-code",
                found=code,
                expected=supplemented,
                at=(("code", "code"), *concept.steps),
            )


def _declared(system: JsonObject) -> Iterator[Finding]:
    """Properties are declared once, and those of FHIR as FHIR defines them."""
    codes: set[str] = set()
    uris: set[str] = set()
    for index, declared in objects(system, "property"):
        at: tuple[Step, ...] = (index, _PROPERTY)
        code, uri = text_of(declared, "code"), text_of(declared, "uri")
        if code in codes:
            yield Finding("concept-property-repeated", found=code, at=(("code", "code"), *at))
        codes.add(code or "")
        if uri is None:
            continue
        if uri in uris and code not in codes - {code}:
            yield Finding("concept-property-repeated", found=uri, at=(("uri", "uri"), *at))
        uris.add(uri)
        for finding in _uri(uri, text_of(declared, "type")):
            finding.steps += [("uri", "uri"), *at]
            yield finding


def _uri(uri: str, fhir_type: str | None) -> Iterator[Finding]:
    if not is_absolute(uri):
        yield Finding("concept-property-relative", found=uri)
    elif uri.startswith(_HL7):
        expected = _KNOWN.get(uri.removeprefix(_HL7))
        if expected is None:
            yield Finding("concept-property-hl7", found=uri)
        elif fhir_type not in (None, expected):
            yield Finding("concept-property-type", name=uri, found=fhir_type, expected=expected)


def _values(system: JsonObject, concepts: list[_Concept]) -> Iterator[Finding]:
    """The values of properties have the declared type; codes of the hierarchy are codes of here."""
    types = {text_of(d, "code"): text_of(d, "type") for _, d in objects(system, "property")}
    inner = {
        text_of(declared, "code")
        for _, declared in objects(system, "property")
        if (text_of(declared, "uri") or "").removeprefix(_HL7) in _INTERNAL
    }
    codes = {text_of(concept.json, "code") for concept in concepts}
    is_complete = system.get("content") == "complete"
    for concept in concepts:
        for index, value in objects(concept.json, "property"):
            for finding in _value(value, types, inner if is_complete else set(), codes):
                finding.steps += [index, _PROPERTY, *concept.steps]
                yield finding


def _value(
    value: JsonObject,
    types: dict[str | None, str | None],
    inner: set[str | None],
    codes: set[str | None],
) -> Iterator[Finding]:
    code = text_of(value, "code")
    key = next((key for key in value if key.startswith("value")), None)
    if key is None:
        return
    found, expected = key[5:6].lower() + key[6:], types.get(code)
    if found == "coding":
        found = "Coding"
    if expected is not None and found != expected:
        at: tuple[Step, ...] = ((key, "value"),)
        yield Finding("concept-property-type", name=code, found=found, expected=expected, at=at)
    elif code in inner and found == "code" and value[key] not in codes:
        yield Finding("concept-property-code", found=value[key], at=((key, "value"),))
