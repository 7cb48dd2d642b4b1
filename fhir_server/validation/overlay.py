"""Profiles: what they ask beyond the base definition, and nothing else.

The base walk has checked the value already. An overlay compares the profile's tree with the base
definition's and keeps only the differences: an element that the profile leaves as it is costs nothing,
and no fault is told twice. Values of a wrong JSON shape are passed over, the base walk has said so.

Spec: https://hl7.org/fhir/R4/profiling.html
"""

from typing import TYPE_CHECKING, Any

from fhir_server.definitions import Element, Structure
from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Findings, Step, join, under
from fhir_server.validation.item import Item
from fhir_server.validation.place import source_of
from fhir_server.validation.plan import missing
from fhir_server.validation.property import property_key
from fhir_server.validation.scope import Rule, Scope
from fhir_server.validation.shape import too_many
from fhir_server.validation.slicing import SlicePlan

if TYPE_CHECKING:
    from fhir_server.validation.plan_table import PlanTable

_ANY_RESOURCE = frozenset(("Resource", "DomainResource"))


def compile_overlay(structure: Structure, table: "PlanTable") -> Rule | None:
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

    def __init__(self, structure: Structure, table: "PlanTable") -> None:
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
        return _in_order(tuple(rules))

    def _property(
        self, element: Element, parent_type: str, parents: tuple[Element, ...]
    ) -> "_Property | None":
        found = self.table.registry.types.element(parent_type, element.name)
        if found is None and not element.is_choice and not element.types:
            return None
        inherited = tuple(
            child for parent in parents for child in parent.children if child.name == element.name
        )
        base_types = found.types if found is not None else tuple(t.code for t in element.types)
        made = _Property(self, element, base_types, inherited)
        return made if made.is_needed else None


class _Property:
    """What a profile asks of one element of an object."""

    __slots__ = (
        "_allowed", "_element", "_keys", "_max", "_min", "_name", "_slices", "_source", "_table",
        "is_needed",
    )  # fmt: skip

    def __init__(
        self,
        compiler: OverlayCompiler,
        element: Element,
        base_types: tuple[str, ...],
        inherited: tuple[Element, ...],
    ) -> None:
        structure, self._table = compiler.structure, compiler.table
        self._element = element
        self._name = element.name
        self._source = source_of(structure, element)
        self._min = element.min if all(e.min < element.min for e in inherited) else 0
        self._max = None
        if element.max is not None and all(e.max is None or element.max < e.max for e in inherited):
            self._max = element.max
        self._allowed = self._narrowed(inherited)
        self._slices = (
            SlicePlan(compiler, element, inherited) if element.slices and element.slicing else None
        )
        keys = []
        for fhir_type in base_types:
            named = self._narrow(fhir_type)
            rule = None if named is None else compiler.value(element, named, inherited)
            key = property_key(element, fhir_type)
            keys.append((key, f"_{key}", fhir_type, rule))
        self._keys = tuple(keys)
        self.is_needed = bool(
            self._min
            or self._max is not None
            or self._allowed is not None
            or self._slices is not None
            or any(rule is not None for *_, rule in keys)
        )

    def _narrow(self, fhir_type: str) -> str | None:
        """Return the type by which values under a key are checked; None: they may not be there."""
        if self._allowed is None or fhir_type in self._allowed:
            return fhir_type
        if fhir_type not in _ANY_RESOURCE:
            return None
        return next(iter(self._allowed)) if len(self._allowed) == 1 else fhir_type

    def _narrowed(self, inherited: tuple[Element, ...]) -> frozenset[str] | None:
        """Return the allowed types where they are fewer than those of the base."""
        allowed = frozenset(ref.code for ref in self._element.types)
        base = {ref.code for other in inherited for ref in other.types}
        if not allowed or not base or any(name.startswith("System.") for name in allowed | base):
            return None
        if any(allowed >= {ref.code for ref in other.types} for other in inherited):
            return None
        return allowed

    def check(self, parent: JsonObject, scope: Scope) -> Findings | None:
        found: Findings | None = None
        items: list[Item] | None = [] if self._slices is not None else None
        count = 0
        for key, sibling_key, fhir_type, rule in self._keys:
            value = parent.get(key)
            sibling = parent.get(sibling_key)
            if value is None and sibling is None:
                continue
            if rule is None and items is None and value.__class__ is not list:
                count += 1
                more = self._wrong_type(value, fhir_type, key)
            else:
                here = _items(value, sibling, fhir_type, (key, self._name))
                count += len(here)
                more = self._check_items(here, rule, scope)
                if items is not None:
                    items += here
            if more is not None:
                found = join(found, more)
        if count < self._min:
            missed = missing(self._element, self._source, count)
            found = join(found, [missed])
        if self._max is not None and count > self._max:
            at: Step = (self._present(parent), self._name)
            excess = too_many(count, self._max, self._source)
            excess.steps.append(at)
            found = join(found, [excess])
        if self._slices is not None and items is not None:
            more = self._slices.check(items, scope)
            if more is not None:
                found = join(found, more)
        return found

    def _present(self, parent: JsonObject) -> str:
        for key, sibling_key, *_ in self._keys:
            if key in parent:
                return key
            if sibling_key in parent:
                return sibling_key
        return self._name

    def _check_items(self, items: list[Item], rule: Rule | None, scope: Scope) -> Findings | None:
        found: Findings | None = None
        for item in items:
            more = self._wrong_type(item.value, item.fhir_type, item.step[0])
            if more is None and rule is not None:
                more = rule(item.value, item.sibling, scope)
                if more is not None:
                    under(None, more, *item.steps)
            if more is not None:
                found = join(found, more)
        return found

    def _wrong_type(self, value: Any, fhir_type: str, key: str) -> Findings | None:
        if self._allowed is None or fhir_type in self._allowed:
            return None
        types = self._table.registry.types
        if fhir_type in _ANY_RESOURCE:
            actual = value.get("resourceType") if isinstance(value, dict) else None
            if not isinstance(actual, str) or any(
                types.is_subtype(actual, name) for name in self._allowed
            ):
                return None
            fhir_type = actual
        return [
            Finding(
                "type-not-allowed",
                source=self._source,
                found=fhir_type,
                expected=" | ".join(sorted(self._allowed)),
                at=((key, self._name),),
            )
        ]


def _items(value: Any, sibling: Any, fhir_type: str, step: tuple[str, str]) -> list[Item]:
    """List the values under one key; where the shape is wrong the list is as good as can be."""
    if value.__class__ is not list and sibling.__class__ is not list:
        return [Item(value, sibling, fhir_type, step, None)]
    values = value if value.__class__ is list else ()
    siblings = sibling if sibling.__class__ is list else ()
    length = max(len(values), len(siblings))
    return [
        Item(
            values[i] if i < len(values) else None,
            siblings[i] if i < len(siblings) else None,
            fhir_type,
            step,
            i,
        )
        for i in range(length)
    ]


def _all_of(properties: tuple[_Property, ...]) -> Rule:
    checks = tuple(made.check for made in properties)

    def check(value: Any, _sibling: Any, scope: Scope) -> Findings | None:
        if value.__class__ is not dict:
            return None
        found: Findings | None = None
        for check_property in checks:
            more = check_property(value, scope)
            if more is not None:
                found = join(found, more)
        return found

    return check


def _all_of_nested(properties: tuple[_Property, ...]) -> Rule:
    """What lies in a contained resource or an entry's is seen from that resource."""
    check_inside = _all_of(properties)

    def check(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        if value.__class__ is not dict:
            return None
        return check_inside(value, sibling, scope.inside(value))

    return check


def _in_order(rules: tuple[Rule, ...]) -> Rule | None:
    if len(rules) <= 1:
        return rules[0] if rules else None

    def check(value: Any, sibling: Any, scope: Scope) -> Findings | None:
        found: Findings | None = None
        for rule in rules:
            more = rule(value, sibling, scope)
            if more is not None:
                found = join(found, more)
                if value.__class__ is not dict:
                    break  # a wrong scalar is wrong for one reason
        return found

    return check
