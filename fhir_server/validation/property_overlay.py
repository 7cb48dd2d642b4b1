"""What a profile asks of one element of an object: how often, of which types, and of each value.

Spec: https://hl7.org/fhir/R4/profiling.html
"""

from collections.abc import Callable, Sequence
from typing import Any

from fhir_server.definitions import Element
from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Findings, Step, join, under
from fhir_server.validation.item import Item
from fhir_server.validation.place import ValueCompiler, source_of
from fhir_server.validation.plan import missing
from fhir_server.validation.property import property_key
from fhir_server.validation.scope import Rule, Scope
from fhir_server.validation.shape import too_many
from fhir_server.validation.slicing import plan_slices

_LIST_OR_NULL = frozenset((list, type(None)))
_ANY_RESOURCE = frozenset(("Resource", "DomainResource"))

_Key = tuple[str, str | None, str, Rule | None]
"""JSON key, key of the sibling of a primitive, type, what is asked of a value."""


class PropertyOverlay:
    """What a profile asks of one element of an object.

    Attributes:
        check: Checks an object for it; what `required_key` says is not part of it.
        required_key: The JSON key that must be there, where that is as easy as that.
        trigger: The JSON keys without which `check` has nothing to do; None: it always has.
        asks_for_more: Whether `check` has anything to do.
        is_needed: Whether the profile asks for anything at all.
    """

    __slots__ = (
        "_allowed", "_by_key", "_element", "_keys", "_max", "_min", "_name", "_slices", "_source",
        "_table", "asks_for_more", "check", "is_needed", "required_key", "trigger",
    )  # fmt: skip

    def __init__(
        self,
        compiler: ValueCompiler,
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
            plan_slices(compiler, element, inherited)
            if element.slices and element.slicing
            else None
        )
        keys: list[_Key] = []
        for fhir_type in base_types:
            named = self._narrow(fhir_type)
            rule = None if named is None else compiler.value(element, named, inherited)
            key = property_key(element, fhir_type)
            is_primitive = compiler.table.registry.types.is_primitive(fhir_type)
            keys.append((key, f"_{key}" if is_primitive else None, fhir_type, rule))
        self._keys = tuple(keys)
        self._by_key = {entry[0]: entry for entry in keys}
        self._by_key |= {entry[1]: entry for entry in keys if entry[1] is not None}
        is_plain = self._max is None and self._allowed is None and self._slices is None
        self.required_key: str | None = None
        if is_plain and self._min == 1 and len(keys) == 1:
            self.required_key = keys[0][0]
            self._min = 0
        has_rules = any(rule is not None for *_, rule in keys)
        self.asks_for_more = bool(self._min) or not is_plain or has_rules
        self.is_needed = self.asks_for_more or self.required_key is not None
        self.check: Callable[[JsonObject, Scope], Findings | None] = self._check
        self.trigger: tuple[str | None, str | None] = (None, None)
        if len(keys) == 1 and not self._min and (self._slices is None or self._max == 0):
            self.trigger = keys[0][:2]
            self.check = self._check_plain if is_plain else self._check
        elif self._slices is not None and len(keys) == 1 and keys[0][1] is None:
            self.check = self._check_sliced
        elif self._slices is None and len(keys) > 1:
            self.check = self._check_choice

    def is_lacking(self, parent: JsonObject) -> bool:
        """Say whether the required key, or its ``_`` sibling, is missing."""
        key = self.required_key
        return key is not None and key not in parent and f"_{key}" not in parent

    def lacking(self) -> Finding:
        """Report that the required key is missing."""
        return missing(self._element, self._source, 0)

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

    def _check_plain(self, parent: JsonObject, scope: Scope) -> Findings | None:
        """The commonest case written out: one key, and only rules for its values."""
        key, sibling_key, _, rule = self._keys[0]
        value = parent.get(key)
        if sibling_key is not None and sibling_key in parent:
            return self._check(parent, scope)
        if value is None or rule is None:
            return None
        if value.__class__ is not list:
            found = rule(value, None, scope)
            return None if found is None else under(None, found, (key, self._name))
        found = None
        for index, item in enumerate(value):
            more = rule(item, None, scope)
            if more is not None:
                found = under(found, more, index, (key, self._name))
        return found

    def _check_sliced(self, parent: JsonObject, scope: Scope) -> Findings | None:
        """The commonest slicing written out: an array of objects, as many as may be."""
        key, _, fhir_type, rule = self._keys[0]
        values = parent.get(key)
        if (
            values.__class__ is not list
            or self._slices is None
            or self._allowed is not None
            or len(values) < self._min
            or (self._max is not None and len(values) > self._max)
        ):
            return self._check(parent, scope)
        found: Findings | None = None
        if rule is not None:
            for at, value in enumerate(values):
                more = rule(value, None, scope)
                if more is not None:
                    found = under(found, more, at, (key, self._name))
        return join(found, self._slices.check_array(values, fhir_type, (key, self._name), scope))

    def _check_choice(self, parent: JsonObject, scope: Scope) -> Findings | None:
        """One value of a choice, as is usual, written out; it has up to fifty types."""
        by_key = self._by_key
        here = [key for key in parent if key in by_key]
        if not here and not self._min:
            return None
        if len(here) != 1 or self._min > 1 or self._max == 0:
            return self._check(parent, scope)
        key, sibling_key, fhir_type, rule = by_key[here[0]]
        value = parent.get(key)
        if sibling_key == here[0] or value.__class__ in _LIST_OR_NULL:
            return self._check(parent, scope)
        if self._allowed is not None and fhir_type not in self._allowed:
            return self._wrong_type(value, fhir_type, key)
        found = None if rule is None else rule(value, None, scope)
        return None if found is None else under(None, found, (key, self._name))

    def _check(self, parent: JsonObject, scope: Scope) -> Findings | None:
        found: Findings | None = None
        items: list[Item] | None = [] if self._slices is not None else None
        count = 0
        for key, sibling_key, fhir_type, rule in self._present(parent):
            value = parent.get(key)
            sibling = None if sibling_key is None else parent.get(sibling_key)
            if items is None and sibling is None and value.__class__ not in _LIST_OR_NULL:
                count += 1
                more = self._check_one(value, fhir_type, rule, key, scope)
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
            first = self._present(parent)[0]
            at: Step = (first[0] if first[0] in parent else f"_{first[0]}", self._name)
            excess = too_many(count, self._max, self._source)
            excess.steps.append(at)
            found = join(found, [excess])
        if self._slices is not None and items is not None:
            more = self._slices.check(items, scope)
            if more is not None:
                found = join(found, more)
        return found

    def _present(self, parent: JsonObject) -> Sequence[_Key]:
        """Return the keys that are there: a choice has up to fifty, its object has two or three."""
        if len(self._keys) == 1:
            key, sibling_key, *_ = self._keys[0]
            return self._keys if key in parent or sibling_key in parent else ()
        by_key = self._by_key
        return [
            by_key[key]
            for key in parent
            if key in by_key and (key[0] != "_" or key[1:] not in parent)
        ]

    def _check_one(
        self, value: Any, fhir_type: str, rule: Rule | None, key: str, scope: Scope
    ) -> Findings | None:
        found = self._wrong_type(value, fhir_type, key)
        if found is None and rule is not None:
            found = rule(value, None, scope)
            if found is not None:
                under(None, found, (key, self._name))
        return found

    def _check_items(self, items: list[Item], rule: Rule | None, scope: Scope) -> Findings | None:
        found: Findings | None = None
        if rule is None and self._allowed is None:
            return None
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
    """List the values under one key; a sibling of another shape than the value is left out."""
    beside = (f"_{step[0]}", step[1])
    if value is None and sibling is None:
        return []
    if value is None:
        if sibling.__class__ is not list:
            return [Item(None, sibling, fhir_type, beside, None)]
        return [Item(None, item, fhir_type, beside, at) for at, item in enumerate(sibling)]
    if value.__class__ is not list:
        return [Item(value, sibling, fhir_type, step, None)]
    if sibling.__class__ is not list:
        return [Item(item, None, fhir_type, step, at) for at, item in enumerate(value)]
    return [
        Item(item, sibling[at] if at < len(sibling) else None, fhir_type, step, at)
        for at, item in enumerate(value)
    ]
