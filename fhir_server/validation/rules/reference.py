"""References: where they may lead, and what lies there.

Spec: https://hl7.org/fhir/R4/references.html
"""

from typing import Any

from fhir_server.definitions import Element, Structure
from fhir_server.model import Text
from fhir_server.validation.finding import Finding, Findings, to_issue
from fhir_server.validation.place import Place
from fhir_server.validation.reference_target import (
    Target,
    find_here,
    find_in_bundles,
    find_target,
    is_absolute,
    is_deleted,
    named_type,
)
from fhir_server.validation.scope import Rule, Scope
from fhir_server.validation.suggestion import safe_choice

_REFERENCE = "Reference"
_TYPE_URL = "http://hl7.org/fhir/StructureDefinition/"


def compile_rule(element: Element, place: Place) -> Rule | None:
    """Check the form of every Reference, and the target where an element narrows it."""
    if place.fhir_type != _REFERENCE:
        return None
    if element.path == _REFERENCE:
        return _form(place) if not place.inherited else None
    targets = _targets(element)
    aggregation = {a for ref in element.types for a in ref.aggregation}
    if not targets or any(_targets(other) == targets for other in place.inherited):
        return None
    return _Targets(targets, place.source(element), place, must_be_here=_is_here(aggregation)).check


def _targets(element: Element) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            t for ref in element.types if ref.code == _REFERENCE for t in ref.target_profiles
        )
    )


def _is_here(aggregation: set[str]) -> bool:
    return bool(aggregation) and "referenced" not in aggregation


def _form(place: Place) -> Rule:
    """Check what holds for every Reference, ref-1 included."""
    types = place.table.registry.types

    def check(value: Any, _sibling: Any, scope: Scope) -> Findings | None:
        reference = value.get("reference")
        if reference.__class__ is not str:
            return None
        word, slash, rest = reference.partition("/")
        if word in types.resource_types and slash and rest.isalnum():
            if "type" not in value:
                return None
        elif (problem := _malformed(reference, types.resource_types, scope)) is not None:
            problem.steps.append(("reference", "reference"))
            return [problem]
        stated, named = value.get("type"), named_type(reference)
        if isinstance(stated, str) and named in types.resource_types:
            stated_type = stated.removeprefix(_TYPE_URL)
            if stated_type != named:
                return [
                    Finding(
                        "reference-type-contradicts",
                        found=stated,
                        expected=named,
                        at=(("type", "type"),),
                        mend=("replace", named),
                    )
                ]
        return None

    return check


def _malformed(reference: str, known: frozenset[str], scope: Scope) -> Finding | None:
    if reference.startswith("#"):
        if find_target(reference, scope) is not None:
            return None
        known_ids = scope.run.contained(scope.root).by_id
        return Finding(
            "reference-contained-missing",
            source="ref-1",
            found=reference,
            suggestions=tuple(f"#{near}" for near in scope.run.nearest(reference[1:], known_ids)),
        )
    if reference.startswith("urn:") and scope.holder is not None:
        if find_in_bundles(reference, scope) is not None:
            return None
        severity = scope.run.table.options.missing_target
        return Finding("reference-target-missing", severity=severity, found=reference)
    if is_absolute(reference):
        return None
    named = named_type(reference)
    word, asks, query = reference.partition("?")
    if named in known or (asks and word in known and "=" in query):
        return None
    if named is None:
        return Finding("reference-form", found=reference, expected="Patient/123")
    suggestions = scope.run.nearest(named, known)
    finding = Finding(
        "reference-type-unknown", found=named, expected="Patient/123", suggestions=suggestions
    )
    choice = safe_choice(named, suggestions)
    if choice is not None:
        finding.mend = ("replace", reference.replace(named, choice, 1))
    return finding


class _Targets:
    """Checks that a reference leads to one of the allowed types and profiles."""

    def __init__(
        self, targets: tuple[str, ...], source: str, place: Place, *, must_be_here: bool
    ) -> None:
        self._source = source
        self._table = place.table
        self._targets = targets
        self._must_be_here = must_be_here
        self._by_type: dict[str, list[Structure]] | None = None
        self._all_types: frozenset[str] = frozenset()

    def check(self, value: Any, _sibling: Any, scope: Scope) -> Findings | None:
        by_type = self._by_type
        if by_type is None:
            by_type = self._compile()
        reference = value.get("reference")
        if reference.__class__ is not str:
            return self._check_logical(value, by_type)
        word, slash, rest = reference.partition("/")
        if slash and word in by_type and rest.isalnum():
            named: str | None = word
        else:
            named = named_type(reference)
        profiles = None if named is None else by_type.get(named)
        if scope.holder is None and profiles is not None and not profiles:
            return None
        target = self._find(reference, named, profiles, scope)
        if target is not None:
            return self._check_target(reference, target, by_type)
        if self._must_be_here and (scope.holder is not None or reference[:1] == "#"):
            return [self._at("reference-target-missing", found=reference)]
        if profiles is not None:
            if profiles and is_deleted(reference, scope):
                return [self._at("reference-target-deleted", found=reference)]
            return None
        if named is None or named not in self._table.registry.types.resource_types:
            return None
        return [self._wrong_type(named, by_type)]

    def _find(
        self, reference: str, named: str | None, profiles: list[Structure] | None, scope: Scope
    ) -> Target | None:
        """Look outside only for what a profile asks, and not on from a target outside.

        Nor where the target must be in the Bundle.
        """
        if scope.is_elsewhere or (self._must_be_here and scope.holder is not None):
            return find_here(reference, scope)
        return (find_target if named is None or profiles else find_here)(reference, scope)

    def _check_logical(self, value: Any, by_type: dict[str, list[Structure]]) -> Findings | None:
        stated = value.get("type")
        if not isinstance(stated, str):
            return None
        named = stated.removeprefix(_TYPE_URL)
        if named in by_type or named not in self._table.registry.types.resource_types:
            return None
        return [self._wrong_type(named, by_type)]

    def _check_target(
        self, reference: str, target: Target, by_type: dict[str, list[Structure]]
    ) -> Findings | None:
        actual = target.resource.get("resourceType")
        stated = named_type(reference)
        if stated is not None and stated != actual and stated in self._all_types | by_type.keys():
            return [
                self._at("reference-type-differs", found=actual, expected=stated, where=reference)
            ]
        if not isinstance(actual, str) or actual not in self._table.registry.types.resource_types:
            return None
        profiles = by_type.get(actual)
        if profiles is None:
            return [self._wrong_type(actual, by_type)]
        if not profiles or any(
            self._table.conforms(target.resource, profile, target.scope) for profile in profiles
        ):
            return None
        return [
            self._at(
                "reference-target-profile",
                found=reference,
                expected=" | ".join(p.url for p in profiles),
                reason=self._reason(target, profiles[0], actual),
            )
        ]

    def _reason(self, target: Target, profile: Structure, resource_type: str) -> Text:
        """Return what is first wrong with a target by a profile that it does not meet."""
        rule = self._table.overlay(profile)
        found = None if rule is None else rule(target.resource, None, target.scope)
        first = next((finding for finding in found or () if finding.is_error), None)
        return Text(en="…", uk="…") if first is None else to_issue(first, resource_type).text

    def _wrong_type(self, named: str, by_type: dict[str, list[Structure]]) -> Finding:
        return self._at("reference-target-type", found=named, expected=" | ".join(sorted(by_type)))

    def _at(self, rule: str, **values: Any) -> Finding:
        return Finding(rule, source=self._source, **values)

    def _compile(self) -> dict[str, list[Structure]]:
        """Group the target profiles by type; a base type asks for no profile."""
        types = self._table.registry.types
        made: dict[str, list[Structure]] = {}
        plain: set[str] = set()
        for canonical in self._targets:
            structure = self._table.registry.structure(canonical)
            if structure is None or structure is self._table.registry.type_structure(
                structure.type
            ):
                name = structure.type if structure else canonical.removeprefix(_TYPE_URL)
                plain.update(t for t in types.resource_types if types.is_subtype(t, name))
                if structure is None and not types.is_type(name):
                    plain.update(types.resource_types)
            else:
                for name in types.resource_types:
                    if types.is_subtype(name, structure.type):
                        made.setdefault(name, []).append(structure)
        made.update((name, []) for name in plain)
        self._all_types = types.resource_types
        self._by_type = made
        return made
