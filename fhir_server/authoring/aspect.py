"""One aspect of an element in two versions: cardinality, types, binding, values, invariants.

Spec: https://hl7.org/fhir/R4/elementdefinition.html
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from fhir_server.definitions import Constraint, Element, FixedValue, Structure
from fhir_server.model import encode

Direction = Literal["tightened", "loosened", "changed"]
Party = Literal["senders", "receivers"]
Codes = Callable[[bool, str], frozenset[tuple[str, str]] | None]

_STRENGTHS = ("example", "preferred", "extensible", "required")
_RULES = ("open", "openAtEnd", "closed")
_NOTHING = "–"
_SHOWN_CODES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """What changed.

    Attributes:
        name: ``min``, ``max``, ``type``, ``binding`` …
        direction: Whether less is allowed now, more, or something else.
        before: What it was, for people.
        after: What it is, for people.
        breaks: Who has to act.
        is_text: Whether it is only said in other words.
    """

    name: str
    direction: Direction
    before: str
    after: str
    breaks: tuple[Party, ...] = ()
    is_text: bool = False

    @property
    def advice(self) -> Literal["patch", "minor", "major"]:
        """Which part of the version to count up."""
        if self.is_text:
            return "patch"
        return "major" if self.breaks else "minor"

    def as_json(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "aspect": self.name,
            "direction": self.direction,
            "before": self.before,
            "after": self.after,
            "breaks": list(self.breaks),
            "advice": self.advice,
        }


def optional(element: Element) -> Element:
    """Return an element as a slice of it starts: it may be there or not, and is cut no further."""
    return replace(element, min=0, slicing=None, slices=())


def of_structure(before: Structure, after: Structure) -> Iterator[Aspect]:
    """Yield what changed of the definition as a whole."""
    if before.type != after.type:
        yield Aspect(
            name="type", direction="changed", before=before.type, after=after.type,
            breaks=("senders", "receivers"),
        )  # fmt: skip
    if before.contexts != after.contexts:
        yield from _sets("context", _joined(before.contexts), _joined(after.contexts))
    if before.title != after.title:
        yield _text("title", before.title, after.title)


def of_element(before: Element, after: Element, codes: Codes) -> Iterator[Aspect]:
    """Yield what changed of an element."""
    yield from _cardinality(before, after)
    yield from _types(before, after)
    yield from _binding(before, after, codes)
    yield from _values(before, after)
    yield from _invariants(before.constraints, after.constraints)
    yield from _sets("check", set(before.checks), set(after.checks), less_is_loosened=True)
    yield from _slicing(before, after)
    yield from _flags(before, after)
    if before.default_language_labels != after.default_language_labels:
        yield _text("short", before.default_language_labels, after.default_language_labels)


def _tightened(name: str, before: object, after: object) -> Aspect:
    return Aspect(
        name=name, direction="tightened", before=_shown(before), after=_shown(after),
        breaks=("senders",),
    )  # fmt: skip


def _loosened(name: str, before: object, after: object) -> Aspect:
    return Aspect(
        name=name, direction="loosened", before=_shown(before), after=_shown(after),
        breaks=("receivers",),
    )  # fmt: skip


def _text(
    name: str, before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]
) -> Aspect:
    old, new = (" / ".join(text for _, text in labels) for labels in (before, after))
    return Aspect(name=name, direction="changed", before=old, after=new, is_text=True)


def _cardinality(before: Element, after: Element) -> Iterator[Aspect]:
    if after.min != before.min:
        make = _tightened if after.min > before.min else _loosened
        yield make("min", before.min, after.min)
    if after.max != before.max:
        is_less = after.max is not None and (before.max is None or after.max < before.max)
        make = _tightened if is_less else _loosened
        yield make("max", _maximum(before.max), _maximum(after.max))


def _maximum(maximum: int | None) -> str:
    return "*" if maximum is None else str(maximum)


def _types(before: Element, after: Element) -> Iterator[Aspect]:
    old = {ref.code: ref for ref in before.types}
    new = {ref.code: ref for ref in after.types}
    yield from _sets("type", set(old), set(new))
    for code in old.keys() & new.keys():
        for name, a, b in (
            ("target", old[code].target_profiles, new[code].target_profiles),
            ("profile", old[code].profiles, new[code].profiles),
        ):
            yield from _restrictions(name, set(a), set(b))


def _restrictions(name: str, before: set[str], after: set[str]) -> Iterator[Aspect]:
    """Alternatives of which one must hold; none at all is no restriction."""
    if before == after:
        return
    shown = " | ".join(sorted(before)), " | ".join(sorted(after))
    if not before or after < before:
        yield _tightened(name, *shown) if after else _loosened(name, *shown)
    elif not after or before < after:
        yield _loosened(name, *shown)
    else:
        yield Aspect(
            name=name, direction="changed", before=shown[0], after=shown[1],
            breaks=("senders", "receivers"),
        )  # fmt: skip


def _sets(
    name: str, before: set[str], after: set[str], *, less_is_loosened: bool = False
) -> Iterator[Aspect]:
    """What is allowed (or, where less is loosened, asked) before and after."""
    taken, added = before - after, after - before
    fewer, more = (_loosened, _tightened) if less_is_loosened else (_tightened, _loosened)
    if taken:
        yield fewer(name, ", ".join(sorted(taken)), _NOTHING)
    if added:
        yield more(name, _NOTHING, ", ".join(sorted(added)))


def _binding(before: Element, after: Element, codes: Codes) -> Iterator[Aspect]:
    old, new = before.binding, after.binding
    old_strength = "example" if old is None else old.strength
    new_strength = "example" if new is None else new.strength
    if old_strength != new_strength:
        is_stronger = _STRENGTHS.index(new_strength) > _STRENGTHS.index(old_strength)
        made = (_tightened if is_stronger else _loosened)("binding", old_strength, new_strength)
        binds = "required" in {old_strength, new_strength}
        yield made if binds else replace(made, breaks=())
    old_set = None if old is None else old.value_set
    new_set = None if new is None else new.value_set
    if new_set is None:
        return
    is_required = old_strength == new_strength == "required"
    known = None if old_set is None else codes(True, old_set), codes(False, new_set)
    if known[0] is not None and known[1] is not None and is_required:
        yield from _codes(known[0], known[1])
    elif old_set != new_set:
        yield Aspect(
            name="valueSet", direction="changed", before=_shown(old_set), after=new_set,
            breaks=("senders", "receivers") if is_required else (),
        )  # fmt: skip


def _codes(
    before: frozenset[tuple[str, str]], after: frozenset[tuple[str, str]]
) -> Iterator[Aspect]:
    if before - after:
        yield _tightened("codes", _some(before - after), _NOTHING)
    if after - before:
        yield _loosened("codes", _NOTHING, _some(after - before))


def _some(codes: Iterable[tuple[str, str]]) -> str:
    found = sorted(code for _, code in codes)
    rest = len(found) - _SHOWN_CODES
    return ", ".join(found[:_SHOWN_CODES]) + (f" +{rest}" if rest > 0 else "")


def _values(before: Element, after: Element) -> Iterator[Aspect]:
    for name, old, new in (
        ("fixed", before.fixed, after.fixed),
        ("pattern", before.pattern, after.pattern),
        ("minValue", before.min_value, after.min_value),
        ("maxValue", before.max_value, after.max_value),
    ):
        if old == new:
            continue
        if old is not None and new is not None:
            yield Aspect(
                name=name, direction="changed", before=_value(old), after=_value(new),
                breaks=("senders", "receivers"),
            )  # fmt: skip
        else:
            yield (_tightened if old is None else _loosened)(name, _value(old), _value(new))
    if before.max_length != after.max_length:
        is_less = before.max_length is None or (
            after.max_length is not None and after.max_length < before.max_length
        )
        make = _tightened if is_less else _loosened
        yield make("maxLength", before.max_length, after.max_length)


def _invariants(before: tuple[Constraint, ...], after: tuple[Constraint, ...]) -> Iterator[Aspect]:
    old, new = {c.key: c for c in before}, {c.key: c for c in after}
    for key in new.keys() - old.keys():
        yield _of_severity(_tightened("invariant", _NOTHING, f"{key}: {new[key].human}"), new[key])
    for key in old.keys() - new.keys():
        yield _of_severity(_loosened("invariant", f"{key}: {old[key].human}", _NOTHING), old[key])
    for key in old.keys() & new.keys():
        a, b = old[key], new[key]
        if a.severity != b.severity:
            make = _tightened if b.severity == "error" else _loosened
            yield make("invariant", f"{key}: {a.severity}", f"{key}: {b.severity}")
        if a.expression != b.expression:
            changed = Aspect(
                name="invariant", direction="changed",
                before=f"{key}: {a.expression}", after=f"{key}: {b.expression}",
                breaks=("senders", "receivers"),
            )  # fmt: skip
            yield _of_severity(changed, b)


def _of_severity(aspect: Aspect, constraint: Constraint) -> Aspect:
    """A warning breaks nobody."""
    return aspect if constraint.severity == "error" else replace(aspect, breaks=())


def _slicing(before: Element, after: Element) -> Iterator[Aspect]:
    old = "open" if before.slicing is None else before.slicing.rules
    new = "open" if after.slicing is None else after.slicing.rules
    if old != new:
        make = _tightened if _RULES.index(new) > _RULES.index(old) else _loosened
        yield make("slicing", old, new)
    names = [{part.slice_name or part.name for part in e.slices} for e in (before, after)]
    for name in sorted(names[1] - names[0]):
        yield Aspect(name="slice", direction="changed", before=_NOTHING, after=name)
    for name in sorted(names[0] - names[1]):
        yield Aspect(name="slice", direction="changed", before=name, after=_NOTHING)


def _flags(before: Element, after: Element) -> Iterator[Aspect]:
    if before.must_support != after.must_support:
        yield Aspect(
            name="mustSupport", direction="changed",
            before=_shown(before.must_support), after=_shown(after.must_support),
        )  # fmt: skip
    if before.is_modifier != after.is_modifier:
        yield Aspect(
            name="isModifier", direction="changed",
            before=_shown(before.is_modifier), after=_shown(after.is_modifier),
            breaks=("receivers",),
        )  # fmt: skip


def _joined(contexts: Iterable[tuple[str, str]]) -> set[str]:
    return {f"{kind} {expression}" for kind, expression in contexts}


def _value(value: FixedValue | None) -> str:
    if value is None:
        return _NOTHING
    return value.value if isinstance(value.value, str) else encode(value.value).decode()


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _NOTHING if value is None or value == "" else str(value)
