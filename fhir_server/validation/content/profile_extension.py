"""What extensions on the elements of a profile ask of instances.

The extensions are later than R4: ElementDefinition.mustHaveValue and valueAlternatives of R5, and
the languages of narratives.

Spec: https://hl7.org/fhir/R5/elementdefinition-definitions.html#ElementDefinition.mustHaveValue
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from fhir_server.model import JsonObject
from fhir_server.validation.content.narrative_language import language_findings
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.reading import object_of, objects, text_of

_FROM_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."
_MUST_HAVE_VALUE = f"{_FROM_R5}mustHaveValue"
_ALTERNATIVES = f"{_FROM_R5}valueAlternatives"
_LANGUAGES = "http://hl7.org/fhir/StructureDefinition/narrative-language-control"

_KNOWN = frozenset((_MUST_HAVE_VALUE, _ALTERNATIVES, _LANGUAGES))

_Place = tuple[JsonObject, str, int | None, tuple[Step, ...]]
"""The object around a value, the property, the place in an array, the way to the object."""


class Asked(NamedTuple):
    """An extension with the element of the profile it stands on."""

    element: JsonObject
    extension: JsonObject
    source: str


def asked_by(profile: JsonObject) -> tuple[Asked, ...]:
    """Return the extensions in the differential of a profile that ask something of instances."""
    source = str(profile.get("url"))
    return tuple(
        Asked(element, extension, source)
        for _, element in objects(object_of(profile, "differential"), "element")
        for _, extension in objects(element, "extension")
        if extension.get("url") in _KNOWN
    )


def check(resource: JsonObject, asked: tuple[Asked, ...]) -> Findings | None:
    """Check a resource against what the extensions of a profile ask."""
    found: Findings = []
    for each in asked:
        found += _one(resource, each.element, each.extension, each.source)
    return found or None


def _one(
    resource: JsonObject, element: JsonObject, extension: JsonObject, source: str
) -> Iterator[Finding]:
    url, path = extension.get("url"), text_of(element, "path") or ""
    if url == _LANGUAGES and path == f"{resource.get('resourceType')}.text":
        control = text_of(extension, "valueCode")
        if control is not None:
            yield from language_findings(resource, control, source)
    elif url == _MUST_HAVE_VALUE and extension.get("valueBoolean") is True:
        yield from _without_value(resource, path, source, "value-required", None)
    elif url == _ALTERNATIVES:
        allowed = text_of(extension, "valueCanonical") or text_of(extension, "valueUri")
        yield from _without_value(resource, path, source, "value-alternative", allowed)


def _without_value(
    resource: JsonObject, path: str, source: str, rule: str, allowed: str | None
) -> Iterator[Finding]:
    for holder, name, index, steps in _places(resource, path.split(".")[1:], ()):
        value = _at(holder.get(name), index)
        sibling = _at(holder.get(f"_{name}"), index)
        if value is not None or not isinstance(sibling, dict):
            continue
        if allowed is not None and any(
            extension.get("url") == allowed for _, extension in objects(sibling, "extension")
        ):
            continue
        own: Step = (f"_{name}", name)
        place = (own, *steps) if index is None else (index, own, *steps)
        yield Finding(rule, source=source, expected=allowed or "", at=place)


def _places(holder: JsonObject, path: list[str], steps: tuple[Step, ...]) -> Iterator[_Place]:
    """Yield each value at a path; choices and slices are not followed."""
    name = path[0] if path else ""
    if len(path) == 1:
        held = holder.get(f"_{name}")
        if isinstance(held, list):
            for index in range(len(held)):
                yield holder, name, index, steps
        elif held is not None:
            yield holder, name, None, steps
        return
    inner = holder.get(name)
    if isinstance(inner, dict):
        yield from _places(inner, path[1:], ((name, name), *steps))
    for index, item in objects(holder, name):
        yield from _places(item, path[1:], (index, (name, name), *steps))


def _at(value: Any, index: int | None) -> Any:
    if index is None:
        return value
    return value[index] if isinstance(value, list) and index < len(value) else None
