"""A StructureDefinition agrees with itself and with its base in kind, type, context and url.

Spec: https://hl7.org/fhir/R4/structuredefinition.html
"""

from collections.abc import Iterator

from fhir_server.definitions import Registry, Structure, find_element
from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.reading import object_of, objects, text_of
from fhir_server.validation.scope import Scope

_EXTENSION = "Extension"
_ANY = "http://hl7.org/fhir/StructureDefinition/Extension"
_RESOURCES = frozenset(("Reference", "canonical", "CodeableReference"))
_ABSTRACT = frozenset(("Resource", "DomainResource", "Element", "BackboneElement"))
_CONTEXT: Step = ("context", "context")


def check(definition: JsonObject, scope: Scope) -> Findings | None:
    """Check a StructureDefinition as a whole."""
    registry = scope.run.table.registry
    found: Findings = [*_derivation(definition, registry), *_contexts(definition)]
    if definition.get("derivation") == "constraint" and definition.get("type") == _EXTENSION:
        found += _extension_url(definition)
    for index, element in objects(object_of(definition, "differential"), "element"):
        for finding in _element(element, definition, registry):
            finding.steps += [index, ("element", "element"), ("differential", "differential")]
            found.append(finding)
    return found or None


def _derivation(definition: JsonObject, registry: Registry) -> Iterator[Finding]:
    base_url, derivation = (text_of(definition, key) for key in ("baseDefinition", "derivation"))
    if base_url is None:
        return
    if derivation is None:
        yield Finding("definition-derivation", found=base_url)
    base = registry.structure(base_url)
    if base is None:
        return
    kind, fhir_type = text_of(definition, "kind"), text_of(definition, "type")
    if derivation == "constraint":
        if kind is not None and kind != base.kind:
            at: tuple[Step, ...] = (("kind", "kind"),)
            yield Finding("definition-kind", found=kind, expected=base.kind, at=at)
        if fhir_type is not None and fhir_type != base.type:
            at = (("type", "type"),)
            yield Finding("definition-type", found=fhir_type, expected=base.type, at=at)
    elif derivation == "specialization" and fhir_type == base.type:
        yield Finding("definition-type-taken", found=fhir_type, at=(("type", "type"),))


def _contexts(definition: JsonObject) -> Iterator[Finding]:
    if definition.get("type") == _EXTENSION:
        return
    for index, _ in objects(definition, "context"):
        found = text_of(definition, "type") or ""
        yield Finding("definition-context", found=found, at=(index, _CONTEXT))


def _extension_url(definition: JsonObject) -> Iterator[Finding]:
    """``Extension.url`` of an extension is fixed to the url of its definition."""
    url = text_of(definition, "url")
    elements = [e for _, e in objects(object_of(definition, "differential"), "element")]
    elements += [e for _, e in objects(object_of(definition, "snapshot"), "element")]
    fixed = [text_of(e, "fixedUri") for e in elements if e.get("path") == "Extension.url"]
    told = next((uri for uri in fixed if uri is not None), None)
    if url is not None and told != url:
        yield Finding("extension-url-not-fixed", found=told or "", expected=url)


def _element(element: JsonObject, definition: JsonObject, registry: Registry) -> Iterator[Finding]:
    for index, named in objects(element, "type"):
        code = text_of(named, "code")
        for key in ("profile", "targetProfile"):
            profiles = named.get(key)
            for position, profile in enumerate(profiles if isinstance(profiles, list) else ()):
                if code is None or not isinstance(profile, str):
                    continue
                wrong = _profile(profile, code, registry, is_target=key == "targetProfile")
                if wrong is None and code == _EXTENSION:
                    wrong = _modifier(profile, text_of(element, "path") or "", registry)
                if wrong is not None:
                    wrong.steps += [position, (key, key), index, ("type", "type")]
                    yield wrong
    yield from _binding(element, registry)
    yield from _slicing(element, registry.structure(text_of(definition, "baseDefinition") or ""))
    yield from _constraints(element, text_of(definition, "url"))


def _slicing(element: JsonObject, base: Structure | None) -> Iterator[Finding]:
    """Only what repeats or has a choice of types can be sliced."""
    if base is None or "slicing" not in element:
        return
    above = find_element(base, text_of(element, "id") or text_of(element, "path") or "")
    if above is not None and above.max == 1 and not above.is_choice and above is not base.root:
        yield Finding("slicing-of-one", found=above.path, at=(("slicing", "slicing"),))


def _binding(element: JsonObject, registry: Registry) -> Iterator[Finding]:
    canonical = text_of(object_of(element, "binding"), "valueSet")
    if canonical is None or registry.value_set(canonical) is not None:
        return
    for kind in ("CodeSystem", "StructureDefinition"):
        if registry.resource(kind, canonical) is not None:
            at = (("valueSet", "valueSet"), ("binding", "binding"))
            yield Finding("binding-to-other", found=canonical, expected=kind, at=at)


def _profile(profile: str, code: str, registry: Registry, *, is_target: bool) -> Finding | None:
    structure = registry.structure(profile)
    if structure is None or (is_target and code not in _RESOURCES):
        return None
    expected = "Resource" if is_target else code
    if structure.type == expected or structure.kind == "logical":
        return None
    if expected in _ABSTRACT and registry.types.is_subtype(structure.type, expected):
        return None
    return Finding("type-profile-other", found=structure.type, expected=expected, profile=profile)


def _modifier(profile: str, path: str, registry: Registry) -> Finding | None:
    """``modifierExtension`` holds extensions that change the meaning, ``extension`` the others."""
    structure = registry.structure(profile)
    modifies = path.endswith(".modifierExtension")
    if structure is None or structure.root.is_modifier == modifies or structure.url == _ANY:
        return None
    return Finding(
        "extension-must-modify" if not modifies else "extension-modifies-not", found=profile
    )


def _constraints(element: JsonObject, url: str | None) -> Iterator[Finding]:
    for index, constraint in objects(element, "constraint"):
        source = text_of(constraint, "source")
        if source is not None and source.partition("|")[0] != url:
            at = (("source", "source"), index, ("constraint", "constraint"))
            yield Finding("constraint-source", found=source, expected=url or "", at=at)
