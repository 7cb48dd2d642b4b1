"""Which index drives a search.

SQLite's own planner knows nothing of how often a value occurs, so the choice is made here: each
part that can be read off an index is probed with a bounded count, the rarest drives, the others are
conditions on each candidate. A page costs about its own length where the driver is in the order of
the page.

=======  =====================================  =================================================
shape    driver                                 order
=======  =====================================  =================================================
merge    exact ranges, each ordered by number   number of the resource
range    one range of an index                  the range's own column (only without sort keys)
collect  any matches                            any: they are sorted
sorted   the index of the first sort key        that key
scan     all resources of the type              number of the resource, or any: they are sorted
=======  =====================================  =================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_server.model import InvalidRequest
from fhir_server.search import And, DateMatch, Node, SortKey
from fhir_server.storage.sqlite import order
from fhir_server.storage.sqlite.conditions import EMPTY, FEW, Conditions
from fhir_server.storage.sqlite.fragment import FALSE, Fragment
from fhir_server.storage.sqlite.order import Place
from fhir_server.storage.sqlite.ranges import Range, RangeFinder, SingleLeaf
from fhir_server.storage.sqlite.shapes import Shapes, Statement
from fhir_server.storage.sqlite.window import Window, members, windows

NONE_OF_THEM = -1
"""Index of a driver that stands for no single part: every part is still tested."""
MAX_MERGED = 64
"""Ranges that are merged; each costs a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A part of the query that can be read off an index."""

    index: int
    node: Node
    ranges: Sequence[Range]
    is_single: bool
    window: Window | None = None
    count: int = FEW + 1

    @property
    def is_mergeable(self) -> bool:
        return 0 < len(self.ranges) <= MAX_MERGED and all(r.column == "res" for r in self.ranges)

    @property
    def is_range(self) -> bool:
        return len(self.ranges) == 1 and self.ranges[0].column != "res"

    @property
    def is_empty(self) -> bool:
        return self.is_single and not self.ranges


class Planner:
    """Plans one query, one resource type after the other.

    Args:
        finder: Of the connection the query will run on; also probed.
        sort: The sort keys.
        limit: Rows wanted.
        is_only_type: Whether the order may be the driver's own.
    """

    def __init__(
        self,
        finder: RangeFinder,
        *,
        sort: Sequence[SortKey] = (),
        limit: int = 1,
        is_only_type: bool = True,
    ) -> None:
        self._finder = finder
        self._conditions = Conditions(finder)
        self._sort = sort
        self._limit = limit
        self._is_only_type = is_only_type

    def statements(self, node: Node, resource_type: str, place: Place | None) -> list[Statement]:
        """Return the statements that give a page; the second one goes on where the first ends."""
        shapes = self._shapes(resource_type)
        if shapes is None:
            return []
        parts = flattened(node)
        if place is not None and place.keys and not self._sort:
            return [self._continued(shapes, parts, resource_type, place)]
        candidates = self._candidates(parts, resource_type)
        if self._is_impossible(node, candidates, resource_type):
            return []
        if self._sort:
            return self._in_order(shapes, node, candidates, resource_type, place)
        return [self._newest(shapes, node, candidates, resource_type, place)]

    def count(self, node: Node, resource_type: str, most: int | None) -> Fragment | None:
        """Return the statement that counts all matches, up to ``most``; None: there are none."""
        shapes = self._shapes(resource_type)
        if shapes is None:
            return None
        parts = flattened(node)
        candidates = self._candidates(parts, resource_type)
        if self._is_impossible(node, candidates, resource_type):
            return None
        best = self._rarest(candidates, resource_type)
        if best is None or (best.count > FEW and len(parts) > 1 and not best.is_mergeable):
            source = shapes.all_live(node)
        else:
            source = shapes.checked(self._members(best, resource_type), without(parts, best.index))
        limit = "" if most is None else f" LIMIT {most}"
        return Fragment(f"SELECT count(*) FROM (SELECT 1 FROM {source.text}{limit})", source.values)

    def _shapes(self, resource_type: str) -> Shapes | None:
        type_number = self._finder.number(resource_type)
        if type_number is None:
            return None
        return Shapes(
            self._finder,
            self._conditions,
            resource_type=resource_type,
            type_number=type_number,
            sort=self._sort,
            limit=self._limit,
        )

    def _in_order(
        self,
        shapes: Shapes,
        node: Node,
        candidates: Sequence[_Part],
        resource_type: str,
        place: Place | None,
    ) -> list[Statement]:
        """Collect where there are few matches, else walk the index of the first sort key."""
        best = self._rarest(candidates, resource_type)
        if best is None or best.count > FEW:
            walk = order.walk(self._finder, self._sort[0], resource_type)
            if walk is not None:
                return shapes.sorted(walk, node, place)
        if best is None:
            return [shapes.scan(node, place)]
        rest = without(flattened(node), best.index)
        return [shapes.collect(self._members(best, resource_type), rest, place)]

    def _newest(
        self,
        shapes: Shapes,
        node: Node,
        candidates: Sequence[_Part],
        resource_type: str,
        place: Place | None,
    ) -> Statement:
        """Drive by the rarest part; what is alone and in order needs no probe."""
        may_walk = self._is_only_type and place is None
        best = candidates[0] if len(candidates) == 1 else None
        if best is None or not (best.is_mergeable or (best.is_range and may_walk)):
            best = self._rarest(candidates, resource_type)
        if best is None:
            return shapes.scan(node, place)
        rest = without(flattened(node), best.index)
        if best.is_mergeable:
            return shapes.merge(best.ranges, rest, place)
        if best.is_range and may_walk:
            return shapes.range(best.ranges[0], best.index, rest, None)
        if best.count > FEW:
            return shapes.scan(node, place)
        return shapes.collect(self._members(best, resource_type), rest, place)

    def _continued(
        self, shapes: Shapes, parts: Sequence[Node], resource_type: str, place: Place
    ) -> Statement:
        """Go on in the range that the first page was in the order of."""
        index = place.keys[0]
        if len(place.keys) == 2 and isinstance(index, int) and 0 <= index < len(parts):  # noqa: PLR2004 # part and value
            part = self._part(index, parts[index], resource_type, looks_up_texts=False)
            if part.is_range and place.keys[1] is not None:
                return shapes.range(part.ranges[0], index, without(parts, index), place)
        raise InvalidRequest.of("search-position")

    def _is_impossible(self, node: Node, candidates: Sequence[_Part], resource_type: str) -> bool:
        """Say whether nothing can match: then no index fits, and none is needed."""
        if isinstance(node, SingleLeaf) and not any(part.is_empty for part in candidates):
            return False
        return self._conditions.holds(node, resource_type, "r.res") is FALSE

    def _candidates(self, parts: Sequence[Node], resource_type: str) -> list[_Part]:
        found = [
            self._part(index, node, resource_type)
            for index, node in enumerate(parts)
            if self._conditions.is_listable(node, resource_type)
        ]
        found += (
            _Part(index=NONE_OF_THEM, node=And(parts=()), ranges=(), is_single=False, window=window)
            for window in windows(parts)
        )
        return found

    def _part(
        self, index: int, node: Node, resource_type: str, *, looks_up_texts: bool = True
    ) -> _Part:
        """Describe a part; what a walk began goes on as a walk, however few texts there are."""
        if not isinstance(node, SingleLeaf):
            return _Part(index=index, node=node, ranges=(), is_single=False)
        if looks_up_texts and self._finder.texts(node, resource_type) is not None:
            return _Part(index=index, node=node, ranges=(), is_single=False)
        ranges = self._finder.ranges(node, resource_type)
        return _Part(index=index, node=node, ranges=ranges, is_single=True)

    def _rarest(self, candidates: Sequence[_Part], resource_type: str) -> _Part | None:
        """Count all; not the dates of a window that has few, as none of them has fewer alone."""
        counted: list[_Part] = []
        narrow: set[str] = set()
        for part in sorted(candidates, key=lambda part: part.window is None):
            if isinstance(part.node, DateMatch) and part.node.parameter in narrow:
                continue
            one = replace(part, count=self._count(part, resource_type))
            counted.append(one)
            if one.window is not None and one.count <= FEW:
                narrow.add(one.window.parameter)
        return min(
            counted,
            key=lambda part: (part.count, not part.is_mergeable, not part.is_range),
            default=None,
        )

    def _count(self, part: _Part, resource_type: str) -> int:
        if part.window is not None:
            return self._conditions.counted(self._members(part, resource_type))
        return self._conditions.count(part.node, resource_type)

    def _members(self, part: _Part, resource_type: str) -> Fragment:
        if part.window is not None:
            return members(part.window, self._finder, resource_type)
        return self._conditions.members(part.node, resource_type) or EMPTY


def flattened(node: Node) -> tuple[Node, ...]:
    """Return the parts that must all hold, nested ones included."""
    if isinstance(node, And):
        return tuple(inner for part in node.parts for inner in flattened(part))
    return (node,)


def without(parts: Sequence[Node], index: int) -> Node:
    """Return all parts but one, or, without `NONE_OF_THEM`, all."""
    return And(parts=tuple(part for at, part in enumerate(parts) if at != index))
