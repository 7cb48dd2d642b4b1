"""Whole resources: the posted one, those contained in it, those in entries and parameters.

Spec: https://hl7.org/fhir/R4/resource.html and https://hl7.org/fhir/R4/domainresource.html
"""

from collections.abc import Iterable
from typing import Any

from fhir_server.definitions import Structure
from fhir_server.model import JsonObject
from fhir_server.validation import (
    bundle,
    contained,
    content,
    profile_definition,
    questionnaire,
    shape,
)
from fhir_server.validation.extension_context import settle
from fhir_server.validation.finding import Finding, Findings, Step, has_error, join, under
from fhir_server.validation.scope import Plans, Scope
from fhir_server.validation.suggestion import mistyped


class ResourceChecks:
    """Checks resources of any type."""

    def __init__(self, table: Plans) -> None:
        self._table = table
        self._of_type = {"Bundle": bundle.check, **questionnaire.checks_by_type(table)}
        self._of_content = content.checks_by_type(table)
        self._asked_by: dict[
            tuple[str, str | None], tuple[content.profile_extension.Asked, ...]
        ] = {}
        self._of_sound = {"StructureDefinition": profile_definition.check}

    def check(self, resource: Any, scope: Scope, profiles: Iterable[str] = ()) -> Findings | None:
        """Check one resource in its own scope.

        Args:
            resource: The JSON value in the place of a resource.
            scope: Made for it.
            profiles: Asked for by the caller, besides those it claims.
        """
        if resource.__class__ is not dict:
            return [shape.not_an_object(resource, "Resource")]
        resource_type = resource.get("resourceType")
        types = self._table.registry.types
        if resource_type.__class__ is not str or resource_type not in types.resource_types:
            return [self._unknown_type(resource_type, scope)]
        found = self._table.type_check(resource_type)(resource, resource, scope)
        if "contained" in resource and not scope.is_contained:
            found = join(found, contained.check(resource))
        is_sound = not has_error(found)
        of_type = self._of_type.get(resource_type)
        if of_type is not None:
            found = join(found, of_type(resource, scope))
        of_content = self._of_content.get(resource_type)
        if of_content is not None:
            found = join(found, of_content(resource, scope))
        if scope.run.is_strict:
            found = join(found, content.strict_check(resource, resource_type, scope))
        of_sound = self._of_sound.get(resource_type)
        if of_sound is not None and is_sound:
            found = join(found, of_sound(resource, scope))
        for canonical, step in self._claimed(resource, resource_type, profiles, scope):
            more = self._check_profile(resource, resource_type, canonical, scope, step)
            if more is not None:
                found = join(found, more)
        settled = settle(found, resource_type, scope, self._table)
        scope.env = None  # it leads back to the scope: circles would keep resources in memory
        return settled

    def check_nested(self, resource: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        """Check the resource of an entry or of a parameter."""
        if resource.__class__ is not dict:
            return [shape.not_an_object(resource, "Resource")]
        full_url = parent.get("fullUrl")
        inner = scope.entry(resource, full_url if isinstance(full_url, str) else None)
        return self.check(resource, inner)

    def check_contained(self, resources: Any, _parent: JsonObject, scope: Scope) -> Findings | None:
        """Check the resources in ``contained``."""
        if resources.__class__ is not list or not resources:
            return shape.many_objects(_nothing, (), None, "")(resources, {}, scope)
        found: Findings | None = None
        for index, resource in enumerate(resources):
            if resource.__class__ is dict:
                more = self.check(resource, scope.contained(resource))
            else:
                more = [shape.not_an_object(resource, "Resource")]
            if more is not None:
                found = under(found, more, index)
        return found

    def _claimed(
        self, resource: JsonObject, resource_type: str, profiles: Iterable[str], scope: Scope
    ) -> Iterable[tuple[str, tuple[Step, ...]]]:
        """Yield each profile to check once, with the place of the claim for the unknown ones."""
        seen = set()
        asked = list(profiles)
        if scope.run.is_strict:
            asked += content.profiles_by_code(resource)
        if self._table.options.with_demands and not scope.is_contained:
            asked += self._table.registry.demanded_profiles(resource_type)
        for canonical in asked:
            if canonical not in seen:
                seen.add(canonical)
                yield canonical, ()
        meta = resource.get("meta")
        claims = meta.get("profile") if meta.__class__ is dict else None
        for index, canonical in enumerate(claims if claims.__class__ is list else ()):
            if canonical.__class__ is str and canonical not in seen:
                seen.add(canonical)
                yield canonical, (index, ("profile", "profile"), ("meta", "meta"))

    def _check_profile(
        self,
        resource: JsonObject,
        resource_type: str,
        canonical: str,
        scope: Scope,
        at: tuple[Step, ...],
    ) -> Findings | None:
        structure = self._table.registry.structure(canonical)
        if structure is None:
            severity = scope.run.unknown_profile if at else "error"
            return [Finding("profile-unknown", severity=severity, found=canonical, at=at)]
        if not self._table.registry.types.is_subtype(resource_type, structure.type):
            return [self._other_type(structure, resource_type, at)]
        found = self._table.check_profile(resource, structure, scope)
        if scope.run.is_strict:
            found = join(found, content.profile_extension.check(resource, self._asked(structure)))
        return found

    def _asked(self, structure: Structure) -> tuple[content.profile_extension.Asked, ...]:
        """Return what the extensions of a profile ask; read once, as the whole JSON is."""
        key = (structure.url, structure.version)
        if key not in self._asked_by:
            canonical = f"{key[0]}|{key[1]}" if key[1] else key[0]
            profile = self._table.registry.resource("StructureDefinition", canonical)
            self._asked_by[key] = content.profile_extension.asked_by(profile or {})
        return self._asked_by[key]

    def _other_type(
        self, structure: Structure, resource_type: str, at: tuple[Step, ...]
    ) -> Finding:
        return Finding(
            "profile-of-other-type",
            found=resource_type,
            expected=structure.type,
            profile=structure.url,
            at=at,
        )

    def _unknown_type(self, resource_type: Any, scope: Scope) -> Finding:
        at: tuple[Step, ...] = (("resourceType", "resourceType"),)
        if resource_type is None:
            return Finding("resource-without-type")
        known = self._table.registry.types.resource_types
        suggestions = scope.run.nearest(str(resource_type), sorted(known))
        finding = Finding(
            "resource-type-unknown", found=str(resource_type), suggestions=suggestions, at=at
        )
        if mistyped(str(resource_type), suggestions) is not None:
            finding.mend = ("replace", suggestions[0])
        return finding


def _nothing(_value: Any, _parent: JsonObject, _scope: Scope) -> None:
    return None
