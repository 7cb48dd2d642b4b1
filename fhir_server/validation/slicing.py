"""Slicing: sort the values of an element into slices, then check each slice.

Spec: https://hl7.org/fhir/R4/profiling.html#slicing
"""

from typing import Any

from fhir_server.definitions import Element
from fhir_server.validation.discriminator import Matcher, compile_matcher
from fhir_server.validation.finding import Finding, Findings, join, under
from fhir_server.validation.item import Item, array_items
from fhir_server.validation.place import ValueCompiler, source_of
from fhir_server.validation.plan import missing
from fhir_server.validation.scope import Rule, Scope
from fhir_server.validation.shape import too_many

_DEFAULT = "@default"


class _Slice:
    """One slice: how to know its values, and what is asked of them."""

    def __init__(
        self,
        compiler: ValueCompiler,
        element: Element,
        sliced: Element,
        inherited: tuple[Element, ...],
    ) -> None:
        self.element = element
        self.name = element.slice_name or element.name
        self.source = source_of(compiler.structure, element)
        self.matcher: Matcher = compile_matcher(element, sliced, compiler)
        known = (*inherited, sliced)
        self.inner = (
            plan_slices(compiler, element, known) if element.slices and element.slicing else None
        )
        self._compiler = compiler
        self._known = known
        self._rules: dict[str, Rule | None] = {}
        self.limit = element.max
        if element.max is not None and sliced.max is not None and element.max >= sliced.max:
            self.limit = None

    def is_idle(self) -> bool:
        """Say whether nothing is asked of the slice."""
        element = self.element
        return (
            not element.min
            and self.limit is None
            and self.inner is None
            and self.matcher.doubt is None
            and all(self.rule(ref.code) is None for ref in element.types)
        )

    def has_room_for(self, count: int) -> bool:
        """Say whether so many values are right and nothing more is asked of them together."""
        return (
            self.element.min <= count
            and (self.limit is None or count <= self.limit)
            and (self.inner is None or not count)
            and self.matcher.doubt is None
        )

    def rule(self, fhir_type: str) -> Rule | None:
        """Return what is asked of a value of a type."""
        try:
            return self._rules[fhir_type]
        except KeyError:
            made = self._compiler.value(self.element, fhir_type, self._known)
            self._rules[fhir_type] = made
            return made


class SlicePlan:
    """The slices of one element.

    Args:
        compiler: Of the profile.
        element: The element that is sliced, or the slice that is sliced again.
        inherited: Elements whose demands are checked elsewhere.
    """

    def __init__(
        self, compiler: ValueCompiler, element: Element, inherited: tuple[Element, ...]
    ) -> None:
        slicing = element.slicing
        assert slicing is not None  # noqa: S101 # the callers ask first
        self._slicing = slicing
        self._source = source_of(compiler.structure, element)
        slices = tuple(_Slice(compiler, part, element, inherited) for part in element.slices)
        self._slices = tuple(s for s in slices if s.name.rpartition("/")[2] != _DEFAULT)
        self._default = next((s for s in slices if s.name.rpartition("/")[2] == _DEFAULT), None)
        self._undecided = tuple(s.name for s in self._slices if s.matcher.doubt is not None)
        self._key, self._by_constant = _dispatch(self._slices)
        self._counted = frozenset(
            at
            for at, part in enumerate(self._slices)
            if part.element.min or part.matcher.doubt is not None
        )

        self._is_simple = (
            self._key is not None
            and slicing.rules == "open"
            and not slicing.is_ordered
            and self._default is None
        )

    def is_idle(self) -> bool:
        """Say whether the slicing asks for nothing."""
        return (
            self._slicing.rules == "open"
            and not self._slicing.is_ordered
            and self._default is None
            and all(part.is_idle() for part in self._slices)
        )

    def check_array(
        self, values: list[Any], fhir_type: str, step: tuple[str, str], scope: Scope
    ) -> Findings | None:
        """Check an array of objects; where slices are told by a constant, no items are made."""
        if not self._is_simple:
            return self.check(array_items(values, fhir_type, step), scope)
        members: dict[int, list[int]] = {}
        found: Findings | None = None
        key, by_constant, slices = self._key, self._by_constant, self._slices
        for at, value in enumerate(values):
            constant = value.get(key) if value.__class__ is dict else None
            index = by_constant.get(constant) if constant.__class__ is str else None
            if index is None:
                continue
            members.setdefault(index, []).append(at)
            rule = slices[index].rule(fhir_type)
            if rule is not None:
                more = rule(value, None, scope)
                if more is not None:
                    found = under(found, more, at, step)
        for index in self._counted.union(members):
            inside = members.get(index, _NONE)
            if not slices[index].has_room_for(len(inside)):
                items = array_items(values, fhir_type, step)
                more = self._count(slices[index], [items[at] for at in inside], items, scope)
                if more is not None:
                    found = join(found, more)
        return found

    def check(self, items: list[Item], scope: Scope) -> Findings | None:
        """Sort the items, count each slice, check what lies in it."""
        members: dict[int, list[Item]] = {}
        found: Findings | None = None
        highest = -1
        unmatched_at: int | None = None
        for at, item in enumerate(items):
            index = self._slice_of(item, scope)
            if index is None:
                unmatched_at = at if unmatched_at is None else unmatched_at
                more = self._outside(item, scope)
            else:
                members.setdefault(index, []).append(item)
                more = self._order(item, index, highest, is_late=unmatched_at is not None)
                highest = max(highest, index)
                more = join(more, self._inside(item, self._slices[index], scope))
            if more is not None:
                found = join(found, more)
        for index in self._counted.union(members):
            more = self._count(self._slices[index], members.get(index, []), items, scope)
            if more is not None:
                found = join(found, more)
        return found

    def _slice_of(self, item: Item, scope: Scope) -> int | None:
        if self._key is not None and item.value.__class__ is dict:
            constant = item.value.get(self._key)
            return self._by_constant.get(constant) if constant.__class__ is str else None
        for index, part in enumerate(self._slices):
            if part.matcher.matches(item, scope):
                return index
        return None

    def _inside(self, item: Item, part: _Slice, scope: Scope) -> Findings | None:
        rule = part.rule(item.fhir_type)
        found = None if rule is None else rule(item.value, item.sibling, scope)
        return None if found is None else under(None, found, *item.steps)

    def _outside(self, item: Item, scope: Scope) -> Findings | None:
        if self._default is not None:
            return self._inside(item, self._default, scope)
        if self._slicing.rules != "closed" or self._undecided:
            return None
        names = ", ".join(part.name for part in self._slices)
        reasons = "; ".join(
            f"{part.name}: {part.matcher.reason(item, scope)}" for part in self._slices[:_SHOWN]
        )
        finding = Finding(
            "slice-closed", source=self._source, found=reasons, expected=names, at=item.steps
        )
        return [finding]

    def _order(self, item: Item, index: int, highest: int, *, is_late: bool) -> Findings | None:
        if self._slicing.is_ordered and index < highest:
            return [
                Finding(
                    "slice-order",
                    source=self._source,
                    found=self._slices[index].name,
                    expected=self._slices[highest].name,
                    at=item.steps,
                )
            ]
        if is_late and self._slicing.rules == "openAtEnd":
            return [
                Finding(
                    "slice-open-at-end",
                    source=self._source,
                    found=self._slices[index].name,
                    at=item.steps,
                )
            ]
        return None

    def _count(
        self, part: _Slice, members: list[Item], items: list[Item], scope: Scope
    ) -> Findings | None:
        found: Findings | None = None
        element, count = part.element, len(members)
        if part.matcher.doubt is not None:
            if not items and not element.min:
                return None
            return [
                Finding(
                    "slice-undecidable",
                    source=part.source,
                    found=part.name,
                    expected=part.matcher.doubt,
                )
            ]
        if count < element.min:
            finding = missing(element, part.source, count)
            nearest = self._nearest(part, items, scope)
            if nearest is not None:
                finding.values = {**finding.values, "reason": nearest}
                finding.rule = "slice-missing"
            found = [finding]
        if part.limit is not None and count > part.limit:
            finding = too_many(count, part.limit, part.source)
            finding.values = {**finding.values, "slice": f":{part.name}"}
            finding.steps.append(members[0].step)
            found = join(found, [finding])
        if part.inner is not None and members:
            found = join(found, part.inner.check(members, scope))
        return found

    def _nearest(self, part: _Slice, items: list[Item], scope: Scope) -> str | None:
        """Say what keeps the first unmatched value out of a slice that must be there."""
        for item in items:
            if self._slice_of(item, scope) is None:
                return part.matcher.reason(item, scope)
        return None


_SHOWN = 4
_NONE: list[int] = []


def plan_slices(
    compiler: ValueCompiler, element: Element, inherited: tuple[Element, ...]
) -> SlicePlan | None:
    """Compile the slices of an element; None: they ask for nothing."""
    plan = SlicePlan(compiler, element, inherited)
    return None if plan.is_idle() else plan


def _dispatch(slices: tuple[_Slice, ...]) -> tuple[str | None, dict[str, int]]:
    """Find slices by one lookup where each is known by another constant under the same key.

    Most slicings are of this kind (url, system); trying fourteen slices one by one took 60 µs.
    """
    constants = [part.matcher.constant for part in slices]
    keys = {constant[0] for constant in constants if constant is not None}
    values = {constant[1]: at for at, constant in enumerate(constants) if constant is not None}
    if len(keys) != 1 or len(values) != len(slices):
        return None, {}
    return keys.pop(), values
