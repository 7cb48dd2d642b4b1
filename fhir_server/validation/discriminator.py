"""Discriminators: what tells the values of a slice from the others.

A path is followed twice: through the definitions, to learn what the slice expects there, and
through a value, to see what is there.

Spec: https://hl7.org/fhir/R4/profiling.html#discriminator
"""

from collections.abc import Callable
from typing import Any

from fhir_server.definitions import Discriminator, Element, Structure, find_element
from fhir_server.model import encode
from fhir_server.validation.discriminator_path import Found, PathStep, by_name, follow, parse_path
from fhir_server.validation.finding import has_error
from fhir_server.validation.item import Item
from fhir_server.validation.known_extension import url_of
from fhir_server.validation.place import Place, ValueCompiler
from fhir_server.validation.rules import binding as binding_rule
from fhir_server.validation.rules.fixed import containing, same_as
from fhir_server.validation.scope import Rule, Scope

Test = Callable[[list[Found], Scope], bool]


class _Criterion:
    """One discriminator with what the slice expects of it."""

    __slots__ = ("constant", "expected", "path", "steps", "test")

    def __init__(
        self,
        path: str,
        steps: tuple[PathStep, ...],
        test: Test,
        expected: str,
        constant: str | None,
    ) -> None:
        self.constant = constant
        self.path = path
        self.steps = steps
        self.test = test
        self.expected = expected


class Matcher:
    """Says whether a value belongs to a slice.

    Attributes:
        constant: The JSON key and the string under it that alone tell the slice, where it is that
            easy.
        doubt: The discriminator path for which the slice says nothing, so that nobody can tell;
            None: all is clear.
    """

    __slots__ = ("_criteria", "constant", "doubt")

    def __init__(self, criteria: tuple[_Criterion, ...], doubt: str | None) -> None:
        self._criteria = criteria
        self.constant: tuple[str, str] | None = None
        if len(criteria) == 1 and criteria[0].constant is not None:
            self.constant = (criteria[0].steps[0].name, criteria[0].constant)
        self.doubt = doubt

    def matches(self, item: Item, scope: Scope) -> bool:
        """Say whether every discriminator fits; never true in doubt."""
        if self.doubt is not None:
            return False
        start = [Found(item.value, item.fhir_type, item.sibling, scope)]
        for criterion in self._criteria:
            if not criterion.test(follow(start, criterion.steps), scope):
                return False
        return True

    def reason(self, item: Item, scope: Scope) -> str:
        """Say which discriminator keeps a value out: path, expected, found."""
        start = [Found(item.value, item.fhir_type, item.sibling, scope)]
        for criterion in self._criteria:
            found = follow(start, criterion.steps)
            if not criterion.test(found, scope):
                shown = ", ".join(_show(f) for f in found[:2]) or "–"
                return f"{criterion.path} = {criterion.expected} ≠ {shown}"
        return self.doubt or "–"


def compile_matcher(element: Element, sliced: Element, compiler: ValueCompiler) -> Matcher:
    """Compile the discriminators of a slicing for one slice."""
    slicing = sliced.slicing
    criteria: list[_Criterion] = []
    doubt: str | None = None
    for discriminator in () if slicing is None else slicing.discriminators:
        criterion = _compile(discriminator, element, compiler)
        if criterion is None:
            doubt = discriminator.path
        else:
            criteria.append(criterion)
    if criteria:
        return Matcher(tuple(criteria), None)  # what a slice leaves open, any value fits
    return Matcher((), doubt or "discriminator")


def undecided(
    element: Element, sliced: Element, compiler: ValueCompiler
) -> list[tuple[Discriminator, bool]]:
    """Return the discriminators for which a slice says nothing; with each whether its path exists.

    Args:
        element: The slice.
        sliced: The element whose slicing has the discriminators.
        compiler: Of the profile.
    """
    slicing = sliced.slicing
    return [
        (discriminator, bool(_places(element, parse_path(discriminator.path), compiler)))
        for discriminator in (() if slicing is None else slicing.discriminators)
        if _compile(discriminator, element, compiler) is None
    ]


def _compile(
    discriminator: Discriminator, element: Element, compiler: ValueCompiler
) -> _Criterion | None:
    steps = parse_path(discriminator.path)
    places = _places(element, steps, compiler)
    tests = (_TESTS[discriminator.type], _exists)
    for make, place in ((make, place) for make in tests for place in places):
        made = make(place, compiler)
        if made is not None:
            test, expected = made
            followed = by_name(steps) if discriminator.type == "type" else steps
            return _Criterion(
                discriminator.path, followed, test, expected, _constant(discriminator, steps, place)
            )
    return None


def _constant(
    discriminator: Discriminator, steps: tuple[PathStep, ...], place: "_Place"
) -> str | None:
    """Return the string that a value one step down must equal, if that is all."""
    if discriminator.type not in {"value", "pattern"} or len(steps) != 1:
        return None
    expected = place.element.fixed or place.element.pattern
    if steps[0].kind != "child" or expected is None or not isinstance(expected.value, str):
        return None
    return expected.value


class _Place:
    """An element that the path leads to in the definitions, with its structure."""

    __slots__ = ("element", "fhir_type", "structure", "targets")

    def __init__(
        self,
        element: Element,
        structure: Structure,
        fhir_type: str | None = None,
        targets: tuple[str, ...] = (),
    ) -> None:
        self.element = element
        self.structure = structure
        self.fhir_type = fhir_type
        self.targets = targets


def _places(element: Element, steps: tuple[PathStep, ...], compiler: ValueCompiler) -> list[_Place]:
    places = [_Place(element, compiler.structure)]
    for step in steps:
        places = [after for place in places for after in _after(place, step, compiler)]
    return places


def _after(place: _Place, step: PathStep, compiler: ValueCompiler) -> list[_Place]:
    registry = compiler.table.registry
    if step.kind == "type":
        return [_Place(place.element, place.structure, step.name)]
    if step.kind == "resolve":
        targets = tuple(t for ref in place.element.types for t in ref.target_profiles)
        made = [
            _Place(structure.root, structure, structure.type, targets)
            for target in targets
            if (structure := registry.structure(target)) is not None
        ]
        return made[:1] if len(made) == len(targets) == 1 else _as_choice(made, place, targets)
    children = _children(place, step.name, compiler)
    if step.kind == "extension":
        return [
            inner
            for child in children
            for part in child.element.slices
            if _stands_for(part, step.url, compiler)
            for inner in (_Place(part, child.structure),)
        ]
    return [
        inner
        for child in children
        for inner in (
            child,
            *(_Place(part, child.structure) for part in child.element.slices if part.min),
        )
    ]


def _as_choice(made: list[_Place], place: _Place, targets: tuple[str, ...]) -> list[_Place]:
    """Several targets: only their types can tell slices apart."""
    if not made:
        return [_Place(place.element, place.structure, None, targets)] if targets else []
    return [_Place(made[0].element, made[0].structure, None, targets)]


def _children(place: _Place, name: str, compiler: ValueCompiler) -> list[_Place]:
    element, structure = place.element, place.structure
    found = [_Place(c, structure) for c in element.children if c.name == name]
    registry = compiler.table.registry
    profiles = [profile for ref in element.types for profile in ref.profiles]
    types = [place.fhir_type] if place.fhir_type else [ref.code for ref in element.types]
    for canonical in (*profiles, *(() if found else types)):
        inner = (
            registry.structure(canonical)
            if canonical in profiles
            else registry.type_structure(canonical)
        )
        if inner is not None:
            element_id = canonical.partition("#")[2]
            root = find_element(inner, element_id) if element_id else inner.root
            children = (root or inner.root).children
            found += [_Place(c, inner) for c in children if c.name == name]
    return found


def _stands_for(part: Element, url: str | None, compiler: ValueCompiler) -> bool:
    return url_of(part, compiler.table.registry) == url


def _value(place: _Place, compiler: ValueCompiler) -> tuple[Test, str] | None:
    """Expect a fixed value, a pattern, a code of a required value set, or what the children say."""
    element = place.element
    if element.fixed is not None:
        fixed = element.fixed.value
        return _any(same_as(fixed)), _text(fixed)
    if element.pattern is not None:
        pattern = element.pattern.value
        return _any(containing(pattern)), _text(pattern)
    binding = element.binding
    if binding is not None and binding.strength == "required" and binding.value_set is not None:
        return _in_value_set(element, place, compiler), str(binding.value_set)
    if _says_something(element):
        return _meets(place, compiler), element.id
    return None


def _exists(place: _Place, _compiler: ValueCompiler) -> tuple[Test, str] | None:
    if place.element.max == 0:
        return (lambda found, _scope: not found), "∅"
    if place.element.min:
        return (lambda found, _scope: bool(found)), "∃"
    return None


def _type(place: _Place, compiler: ValueCompiler) -> tuple[Test, str] | None:
    types = compiler.table.registry.types
    names = {ref.code for ref in place.element.types}
    if place.targets:
        names = {_type_of(target, compiler) for target in place.targets}
    elif place.fhir_type is not None:
        names = {place.fhir_type}
    elif not names:
        names = {place.structure.type}
    allowed = frozenset(names)
    profiled = [p for ref in place.element.types for p in ref.profiles]
    if allowed <= {"Resource", "DomainResource"} and profiled:
        allowed = frozenset(_type_of(profile, compiler) for profile in profiled)

    def test(found: list[Found], _scope: Scope) -> bool:
        return any(
            types.is_subtype(actual, name)
            for item in found
            if (actual := item.actual_type()) is not None
            for name in allowed
        )

    return test, " | ".join(sorted(allowed))


def _profile(place: _Place, compiler: ValueCompiler) -> tuple[Test, str] | None:
    profiles = tuple(p for ref in place.element.types for p in ref.profiles) or place.targets
    if not profiles:
        return None
    table = compiler.table
    structures = tuple(s for p in profiles if (s := table.registry.structure(p)) is not None)

    def test(found: list[Found], _scope: Scope) -> bool:
        return any(
            table.conforms(item.value, structure, item.scope_inside())
            for item in found
            for structure in structures
        )

    return test, " | ".join(profiles)


_TESTS: dict[str, Callable[[_Place, ValueCompiler], tuple[Test, str] | None]] = {
    "value": _value,
    "pattern": _value,
    "exists": _exists,
    "type": _type,
    "profile": _profile,
}


def _any(predicate: Callable[[Any], bool]) -> Test:
    return lambda found, _scope: any(predicate(item.value) for item in found)


def _in_value_set(element: Element, place: _Place, compiler: ValueCompiler) -> Test:
    rules: dict[str, Rule | None] = {}

    def test(found: list[Found], scope: Scope) -> bool:
        for item in found:
            fhir_type = item.fhir_type or place.fhir_type or element.types[0].code
            if fhir_type not in rules:
                at = Place(table=compiler.table, structure=place.structure, fhir_type=fhir_type)
                rules[fhir_type] = binding_rule.compile_rule(element, at)
            rule = rules[fhir_type]
            if rule is None or rule(item.value, None, scope) is None:
                return True
        return False

    return test


def _says_something(element: Element) -> bool:
    return any(
        child.fixed is not None or child.pattern is not None or _says_something(child)
        for child in (*element.children, *element.slices)
    )


def _meets(place: _Place, compiler: ValueCompiler) -> Test:
    """The children of the element have fixed values: the value must meet them all."""
    fhir_type = place.fhir_type or next((ref.code for ref in place.element.types), "Element")
    rule = compiler.value(place.element, fhir_type, ())

    def test(found: list[Found], scope: Scope) -> bool:
        return any(rule is None or not has_error(rule(item.value, None, scope)) for item in found)

    return test


def _type_of(canonical: str, compiler: ValueCompiler) -> str:
    structure = compiler.table.registry.structure(canonical)
    return structure.type if structure is not None else canonical.rpartition("/")[2]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def _show(found: Found) -> str:
    value = found.value
    if isinstance(value, dict):
        return str(value.get("resourceType", found.fhir_type))
    return _text(value)
