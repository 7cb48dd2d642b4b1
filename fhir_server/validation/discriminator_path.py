"""The restricted FHIRPath of discriminators, followed through the JSON of one value.

Spec: https://hl7.org/fhir/R4/profiling.html#discriminator (names, ``$this``, ``extension(url)``,
``resolve()``, ``ofType(type)``)
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_server.validation.reference_target import Target, find_here, find_target, named_type
from fhir_server.validation.scope import Scope

_STEP = re.compile(r"\$this|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:\((?P<argument>[^)]*)\))?(?:\[x\])?")


class PathStep(NamedTuple):
    """One step: ``child`` by name, ``extension`` by url, ``type`` filter, ``resolve``.

    ``named`` resolves too, but the type that a reference names is enough.
    """

    kind: str
    name: str
    url: str | None = None


class Found(NamedTuple):
    """A value on the way.

    Attributes:
        value: JSON.
        fhir_type: Declared type, as far as known.
        sibling: The ``_name`` object of a primitive.
        scope: Of the resource it lies in.
    """

    value: Any
    fhir_type: str | None
    sibling: Any
    scope: Scope

    def actual_type(self) -> str | None:
        """Return what the value is: resources say so themselves."""
        if isinstance(self.value, dict) and isinstance(self.value.get("resourceType"), str):
            return str(self.value["resourceType"])
        return self.fhir_type

    def scope_inside(self) -> Scope:
        """Return the scope for checks of the value."""
        return _scope_of(self.value, self.scope)


def parse_path(path: str) -> tuple[PathStep, ...]:
    """Take a discriminator path apart; an unknown function becomes a step that finds nothing."""
    steps = []
    for match in _STEP.finditer(path):
        name, argument = match["name"], match["argument"]
        if name is None:
            continue
        if argument is None:
            steps.append(PathStep("child", name))
        elif name == "extension":
            steps.append(PathStep("extension", "extension", argument.strip("'\" ")))
        elif name in {"ofType", "as"}:
            steps.append(PathStep("type", argument.strip().removeprefix("FHIR.")))
        else:
            steps.append(PathStep("resolve" if name == "resolve" else "child", name))
    return tuple(steps)


def by_name(steps: tuple[PathStep, ...]) -> tuple[PathStep, ...]:
    """Return a path that ends at a target for who asks its type alone: none is fetched for it."""
    if not steps or steps[-1].kind != "resolve":
        return steps
    return (*steps[:-1], PathStep("named", "resolve"))


def follow(found: list[Found], steps: tuple[PathStep, ...]) -> list[Found]:
    """Follow a path from some values."""
    for step in steps:
        found = [after for item in found for after in _WAYS[step.kind](item, step)]
    return found


def _children(item: Found, step: PathStep) -> list[Found]:
    value = item.value if isinstance(item.value, dict) else item.sibling
    if not isinstance(value, dict):
        return []
    types = item.scope.run.table.registry.types
    holder = item.actual_type() or ""
    element = types.element(holder, step.name)
    if element is None:
        keys = [(step.name, "")]
    elif element.is_choice:
        keys = [(step.name + t[0].upper() + t[1:], t) for t in element.types]
    else:
        keys = [(step.name, element.types[0])]
    return [
        found
        for key, fhir_type in keys
        if key in value or f"_{key}" in value
        for found in _values(value.get(key), value.get(f"_{key}"), fhir_type or None, item.scope)
    ]


def _values(value: Any, sibling: Any, fhir_type: str | None, scope: Scope) -> list[Found]:
    if isinstance(value, list):
        return [Found(v, fhir_type, None, _scope_of(v, scope)) for v in value if v is not None]
    return [Found(value, fhir_type, sibling, _scope_of(value, scope))]


def _scope_of(value: Any, scope: Scope) -> Scope:
    """A resource inside another, such as that of an entry, has a scope of its own."""
    if isinstance(value, dict) and "resourceType" in value:
        return scope.inside(value)
    return scope


def _extensions(item: Found, step: PathStep) -> list[Found]:
    return [
        found
        for found in _children(item, step)
        if isinstance(found.value, dict) and found.value.get("url") == step.url
    ]


def _of_type(item: Found, step: PathStep) -> list[Found]:
    actual = item.actual_type()
    types = item.scope.run.table.registry.types
    return [item] if actual is not None and types.is_subtype(actual, step.name) else []


def _targets(item: Found, _step: PathStep) -> list[Found]:
    """Follow a reference; where it leads elsewhere, its type alone is known from the text."""
    return _resolved(item, find_target)


def _named(item: Found, _step: PathStep) -> list[Found]:
    """Follow a reference outside only where its text does not name a type."""
    return _resolved(item, _find_unnamed)


def _find_unnamed(reference: str, scope: Scope) -> Target | None:
    return (find_target if named_type(reference) is None else find_here)(reference, scope)


def _resolved(item: Found, find: Callable[[str, Scope], Target | None]) -> list[Found]:
    reference = item.value.get("reference") if isinstance(item.value, dict) else item.value
    if not isinstance(reference, str):
        return []
    target = find(reference, item.scope)
    if target is None:
        named = named_type(reference)
        return [] if named is None else [Found({}, named, None, item.scope)]
    return [Found(target.resource, target.resource.get("resourceType"), None, target.scope)]


_WAYS = {
    "child": _children,
    "extension": _extensions,
    "type": _of_type,
    "resolve": _targets,
    "named": _named,
}
