"""Paths straight over JSON: from one value to the values of an element, no nodes in between.

Everything here knows the type of what it gets. JSON that is not regular (extensions beside a
primitive, a resource of any type, a value of the wrong kind) raises `Irregular` or, unasked, the
AttributeError or TypeError of a value without properties: the general evaluation decides then.
Lists that are returned may be those of the input, so nobody changes them.

Spec: http://hl7.org/fhirpath/N1/#path-selection
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from fhir_server.fhirpath.environment import Env
from fhir_server.fhirpath.navigation import MemberSteps, Navigator, Step
from fhir_server.fhirpath.types import IsType
from fhir_server.fhirpath.value import QUANTITY_TYPES, TEMPORAL_TYPES

Items = Callable[[Any, Env], list[Any]]
Truth = Callable[[Any, Env], bool | None]

MIXED = ""
"""The type where a choice leaves several."""

_COMPUTED = TEMPORAL_TYPES | QUANTITY_TYPES | {"decimal"}
"""Types whose JSON is not what FHIRPath compares."""


class Irregular(Exception):
    """The JSON is not as plain as the shortcut needs it."""


class Source(msgspec.Struct, frozen=True):
    """A path ready to run.

    Attributes:
        items: Its values.
        some: Whether there are any.
        fhir_type: The type of each value, `MIXED` where they differ.
        key: Of a step from the focus: its JSON property, where that has no array.
        parent: Of a choice: where it stands.
        choice: Of a choice: its steps by JSON property.
    """

    items: Items
    some: Truth
    fhir_type: str
    key: str | None = None
    parent: "Source | None" = None
    choice: Mapping[str, Step] | None = None


def focus(fhir_type: str) -> Source:
    """The value that the expression is asked of."""
    return Source(lambda value, _env: [value], lambda _value, _env: True, fhir_type)


def member(source: Source, name: str, navigator: Navigator, *, is_focus: bool) -> Source | None:
    """Select an element of the values; None: not known well enough beforehand."""
    members = navigator.member(name)
    if source.choice is not None:
        narrowed = _narrowed(source, members)
        return None if narrowed is None else member(narrowed, name, navigator, is_focus=False)
    if not source.fhir_type or navigator.model.is_primitive(source.fhir_type):
        return None
    steps = members[source.fhir_type]
    if isinstance(steps, Step):
        return _step(source, steps, is_focus=is_focus)
    if steps is None:
        return None
    items, some = _choice_items(source.items, steps), _choice_some(source.items, steps)
    return Source(items, some, MIXED, None, source, steps)


def of_type(source: Source, is_type: IsType) -> Source | None:
    """Keep the values of a type, where one step of a choice or all values are of it."""
    if source.choice is None:
        return source if source.fhir_type and is_type(source.fhir_type) else None
    steps = {step for step in source.choice.values() if is_type(step.fhir_type)}
    return _only(source, steps)


def of_resource(resource_type: str, name: str, navigator: Navigator) -> Source | None:
    """``%resource.name``, a property without array; more would cost each item of a list."""
    step = navigator.member(name)[resource_type]
    if not isinstance(step, Step) or step.sibling is None:
        return None
    key, sibling = step.key, step.sibling

    def items(_value: Any, env: Env) -> list[Any]:
        resource = env.resource
        if resource is None or resource.fhir_type != resource_type or sibling in resource.value:
            raise Irregular
        found = resource.value.get(key)
        if found.__class__ is list:
            raise Irregular
        return _NOTHING if found is None else [found]

    return Source(items, _some_of(items), step.fhir_type)


def _narrowed(source: Source, members: MemberSteps) -> Source | None:
    """Leave of a choice the one type that has the next element."""
    steps = set((source.choice or {}).values())
    return _only(source, {step for step in steps if members[step.fhir_type] is not None})


def _only(source: Source, steps: set[Step]) -> Source | None:
    if len(steps) != 1 or source.parent is None:
        return None
    return _step(source.parent, steps.pop(), is_focus=False)


def _step(source: Source, step: Step, *, is_focus: bool) -> Source:
    fhir_type = MIXED if step.is_resource else step.fhir_type
    if is_focus:
        return Source(_items_of_focus(step), _some_of_focus(step), fhir_type, step.key)
    items = _items_of_each(source.items, step)
    return Source(items, _some_of(items), fhir_type)


def _some_of(items: Items) -> Truth:
    return lambda value, env: bool(items(value, env))


def _items_of_focus(step: Step) -> Items:
    key, sibling = step.key, step.sibling or "_"

    def items(value: Any, _env: Env) -> list[Any]:
        child = value.get(key)
        if sibling in value:
            raise Irregular
        if child.__class__ is list:
            return child
        return _NOTHING if child is None else [child]

    return items


def _some_of_focus(step: Step) -> Truth:
    key, sibling = step.key, step.sibling or "_"

    def some(value: Any, _env: Env) -> bool:
        child = value.get(key)
        if sibling in value:
            raise Irregular
        return child is not None and child != _NOTHING

    return some


def _items_of_each(inner: Items, step: Step) -> Items:
    key, sibling = step.key, step.sibling or "_"

    def items(value: Any, env: Env) -> list[Any]:
        found: list[Any] = []
        for item in inner(value, env):
            child = item.get(key)
            if sibling in item:
                raise Irregular
            if child.__class__ is list:
                found += child
            elif child is not None:
                found.append(child)
        return found

    return items


def _choice_items(inner: Items, steps: Mapping[str, Step]) -> Items:
    def items(value: Any, env: Env) -> list[Any]:
        found: list[Any] = []
        for item in inner(value, env):
            for key, child in item.items():
                step = steps.get(key)
                if step is None or child is None:
                    continue
                if key != step.key or step.is_resource or step.fhir_type in _COMPUTED:
                    raise Irregular
                if child.__class__ is list:
                    raise Irregular
                found.append(child)
        return found

    return items


def _choice_some(inner: Items, steps: Mapping[str, Step]) -> Truth:
    def some(value: Any, env: Env) -> bool:
        for item in inner(value, env):
            for key, child in item.items():
                step = steps.get(key)
                if step is not None and child is not None and child != _NOTHING:
                    if key != step.key:
                        raise Irregular
                    return True
        return False

    return some


def extension(source: Source, url: str, navigator: Navigator) -> Source:
    """Select the extensions with a URL; those of primitives lie where nothing is regular."""
    inner = source.items
    if source.fhir_type and navigator.model.is_primitive(source.fhir_type):
        return Source(lambda _value, _env: _NOTHING, lambda _value, _env: False, "Extension")

    def items(value: Any, env: Env) -> list[Any]:
        found: list[Any] = []
        for item in inner(value, env):
            for each in item.get("extension") or _NOTHING:
                if each.get("url") == url:
                    found.append(each)
        return found

    return Source(items, _some_of(items), "Extension")


def where(source: Source, criteria: Truth) -> Source:
    """Keep the values that meet the criteria."""
    inner = source.items

    def items(value: Any, env: Env) -> list[Any]:
        return [item for item in inner(value, env) if criteria(item, env)]

    def some(value: Any, env: Env) -> bool:
        for item in inner(value, env):  # noqa: SIM110 # half the time of any() over a generator
            if criteria(item, env):
                return True
        return False

    return Source(items, some, source.fhir_type)


def first(source: Source) -> Source:
    """Keep the first value."""
    inner = source.items
    return Source(lambda value, env: inner(value, env)[:1], source.some, source.fhir_type)


def union(left: Source, right: Source) -> Source:
    """Put two paths to texts together, equal ones once."""
    one, other = left.items, right.items

    def items(value: Any, env: Env) -> list[Any]:
        found = dict.fromkeys([*one(value, env), *other(value, env)])
        for item in found:
            if item.__class__ is not str:
                raise Irregular
        return list(found)

    def some(value: Any, env: Env) -> bool:
        return bool(left.some(value, env)) or bool(right.some(value, env))

    return Source(items, some, left.fhir_type)


_NOTHING: list[Any] = []
