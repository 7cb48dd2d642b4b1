"""Profiles: what they ask beyond the base definition, and nothing else.

The base walk has checked the value already. An overlay compares the profile's tree with the base
definition's and keeps only the differences: an element that the profile leaves as it is costs
nothing, and no fault is told twice. Values of a wrong JSON shape are passed over, the base walk
has said so.

Spec: https://hl7.org/fhir/R4/profiling.html
"""

from typing import Any

from fhir_server.definitions import Element, Structure, find_element
from fhir_server.model import JsonObject
from fhir_server.validation.finding import Findings, join
from fhir_server.validation.property_overlay import PropertyOverlay
from fhir_server.validation.rules.profile import profiles_of
from fhir_server.validation.scope import Plans, Rule, Scope


def compile_overlay(structure: Structure, table: Plans) -> Rule | None:
    """Compile what a profile asks beyond the type it constrains; None: nothing."""
    base = table.registry.type_structure(structure.type)
    if base is structure:
        return None
    compiler = OverlayCompiler(structure, table)
    return compiler.value(structure.root, structure.type, () if base is None else (base.root,))


class OverlayCompiler:
    """Compiles the elements of one profile.

    Attributes:
        structure: The profile.
        table: Other types and profiles.
    """

    def __init__(self, structure: Structure, table: Plans) -> None:
        self.structure = structure
        self.table = table

    def value(
        self, element: Element, fhir_type: str, inherited: tuple[Element, ...]
    ) -> Rule | None:
        """Compile what is asked of one value of an element; None: nothing.

        Args:
            element: Of the profile.
            fhir_type: Of the value.
            inherited: Elements whose demands are checked elsewhere.
        """
        type_root = self.table.registry.type_structure(fhir_type)
        known = inherited if type_root is None else (*inherited, type_root.root)
        known += self._profile_roots(element, fhir_type)
        rules = list(self.table.rules(element, self.structure, fhir_type, known))
        if element.children:
            properties = tuple(
                made
                for child in element.children
                if (made := self._property(child, fhir_type, known)) is not None
            )
            if properties:
                is_nested = (
                    element is not self.structure.root
                    and self.table.registry.types.is_resource(fhir_type)
                )
                rules.append(_all_of_nested(properties) if is_nested else _all_of(properties))
        if self.table.registry.types.is_primitive(fhir_type):
            return _until_wrong(tuple(rules))
        return _in_order(tuple(rules))

    def _profile_roots(self, element: Element, fhir_type: str) -> tuple[Element, ...]:
        """Return the root of the type's profile: what a snapshot repeats of it is checked there."""
        profiles = profiles_of(element, fhir_type)
        structure = self.table.registry.structure(profiles[0]) if len(profiles) == 1 else None
        if structure is None:
            return ()
        element_id = profiles[0].partition("#")[2]
        root = find_element(structure, element_id) if element_id else structure.root
        return () if root is None else (root,)

    def _property(
        self, element: Element, parent_type: str, parents: tuple[Element, ...]
    ) -> PropertyOverlay | None:
        found = self.table.registry.types.element(parent_type, element.name)
        if found is None and not element.is_choice and not element.types:
            return None
        inherited = tuple(
            child for parent in parents for child in parent.children if child.name == element.name
        )
        base_types = found.types if found is not None else tuple(t.code for t in element.types)
        made = PropertyOverlay(self, element, base_types, inherited)
        return made if made.is_needed else None


def _all_of(properties: tuple[PropertyOverlay, ...]) -> Rule:
    """Check the properties of an object; those that must be there are looked for all at once."""
    needed = frozenset(made.required_key for made in properties if made.required_key is not None)
    checks = tuple((made.check, *made.trigger) for made in properties if made.asks_for_more)

    def check(value: Any, _sibling: Any, scope: Scope) -> Findings | None:
        if value.__class__ is not dict:
            return None
        found: Findings | None = None
        if not needed <= value.keys():
            found = _lacking(properties, value)
        for check_property, key, sibling in checks:
            if key is None or key in value or sibling in value:
                more = check_property(value, scope)
                if more is not None:
                    found = join(found, more)
        return found

    return check


def _lacking(properties: tuple[PropertyOverlay, ...], value: JsonObject) -> Findings | None:
    found = [made.lacking() for made in properties if made.is_lacking(value)]
    return found or None


def _all_of_nested(properties: tuple[PropertyOverlay, ...]) -> Rule:
    """What lies in a contained resource or an entry's is seen from that resource."""
    check_inside = _all_of(properties)

    def check(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        if value.__class__ is not dict:
            return None
        return check_inside(value, sibling, scope.inside(value))

    return check


def _in_order(rules: tuple[Rule, ...]) -> Rule | None:
    """Check one value by some rules; a value of a wrong JSON kind has had its finding."""
    if not rules:
        return None
    first, others = rules[0], rules[1:]

    def check_by_first(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        return first(value, sibling, scope) if value.__class__ is dict else None

    if not others:
        return check_by_first

    def check(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        if value.__class__ is not dict:
            return None
        found = first(value, sibling, scope)
        for rule in others:
            more = rule(value, sibling, scope)
            if more is not None:
                found = join(found, more)
        return found

    return check


def _until_wrong(rules: tuple[Rule, ...]) -> Rule | None:
    """Check one scalar by some rules; it is wrong for one reason."""
    if not rules:
        return None
    first, others = rules[0], rules[1:]

    def check_by_first(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        return None if value.__class__ in _COMPOUND else first(value, sibling, scope)

    if not others:
        return check_by_first

    def check(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        if value.__class__ in _COMPOUND:
            return None
        found = first(value, sibling, scope)
        for rule in others:
            if found is not None:
                break
            found = rule(value, sibling, scope)
        return found

    return check


_COMPOUND = frozenset((dict, list))
