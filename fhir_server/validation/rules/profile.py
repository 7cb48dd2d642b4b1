"""Profiles on the type of an element: the value must meet one of them.

Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.profile
"""

from typing import Any

from fhir_server.definitions import Element, Structure
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.place import Place
from fhir_server.validation.scope import Rule, Scope

_EXTENSION = "Extension"
_ANY_RESOURCE = frozenset(("Resource", "DomainResource"))


def compile_rule(element: Element, place: Place) -> Rule | None:
    """Check the profiles that the types of the element name."""
    profiles = profiles_of(element, place.fhir_type)
    if not profiles or any(
        profiles_of(other, place.fhir_type) == profiles for other in place.inherited
    ):
        return None
    if place.fhir_type == _EXTENSION and len(profiles) == 1 and _by_url(profiles[0], place):
        return None
    rule = _Profiles(profiles, place.source(element), place)
    return rule.check_one if len(profiles) == 1 else rule.check_any


def profiles_of(element: Element, fhir_type: str) -> tuple[str, ...]:
    """Return the profiles an element asks of its values of a type."""
    return tuple(
        profile
        for ref in element.types
        if ref.code == fhir_type or "." in fhir_type or fhir_type in _ANY_RESOURCE
        for profile in ref.profiles
    )


def _by_url(profile: str, place: Place) -> bool:
    """Say whether the walk checks values of an extension's profile anyway, by their url."""
    structure = place.table.registry.structure(profile)
    if structure is None:
        return True  # the walk says that the extension is unknown
    return any(
        child.name == "url" and child.fixed is not None and child.fixed.value == structure.url
        for child in structure.root.children
    )


def _inside(value: dict[str, Any], scope: Scope) -> Scope:
    return scope.inside(value) if "resourceType" in value else scope


class _Profiles:
    """Profiles, one of which must be met."""

    def __init__(self, profiles: tuple[str, ...], source: str, place: Place) -> None:
        self._profiles = profiles
        self._source = source
        self._table = place.table
        self._fhir_type = place.fhir_type
        self._only: Structure | None = None

    def check_one(self, value: Any, _sibling: Any, scope: Scope) -> Findings | None:
        """Say what breaks the only profile."""
        profile = self._profiles[0]
        if value.__class__ is not dict:
            return None
        structure = self._only
        if structure is None:
            structure = self._only = self._table.registry.structure(profile)
        if structure is None:
            return self._unknown(profile, scope)
        if "#" in profile:
            element_id = profile.partition("#")[2]
            rule = self._table.element_rule(structure, element_id, self._fhir_type)
            return None if rule is None else rule(value, None, scope)
        if "resourceType" in value and not self._fits(value, structure):
            return [self._wrong_type(value, structure)]
        return self._table.check_profile(value, structure, _inside(value, scope))

    def check_any(self, value: Any, _sibling: Any, scope: Scope) -> Findings | None:
        """Say that none of several profiles is met."""
        if value.__class__ is not dict:
            return None
        known = [
            structure
            for profile in self._profiles
            if (structure := self._table.registry.structure(profile)) is not None
        ]
        if len(known) < len(self._profiles):
            missing = next(p for p in self._profiles if self._table.registry.structure(p) is None)
            return self._unknown(missing, scope)
        candidates = [s for s in known if "resourceType" not in value or self._fits(value, s)]
        inner = _inside(value, scope)
        if any(self._table.conforms(value, s, inner) for s in candidates):
            return None
        return [
            Finding(
                "profile-none-met",
                source=self._source,
                found=value.get("resourceType", ""),
                expected=" | ".join(self._profiles),
            )
        ]

    def _fits(self, value: dict[str, Any], structure: Structure) -> bool:
        fhir_type = value["resourceType"]
        return isinstance(fhir_type, str) and self._table.registry.types.is_subtype(
            fhir_type, structure.type
        )

    def _wrong_type(self, value: dict[str, Any], structure: Structure) -> Finding:
        return Finding(
            "profile-of-other-type",
            source=self._source,
            found=value["resourceType"],
            expected=structure.type,
            profile=structure.url,
        )

    def _unknown(self, profile: str, scope: Scope) -> Findings:
        severity = scope.run.unknown_profile
        return [Finding("profile-unknown", severity=severity, source=self._source, found=profile)]
