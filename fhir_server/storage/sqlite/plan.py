"""Which index drives a search, and the statement that follows from it.

SQLite's own planner knows nothing of how often a value occurs, so the choice is made here: each part
that can be read off an index is probed with a bounded count, the rarest drives, the others are conditions
on each candidate. A page costs about its own length where the driver is in the order of the page.

======  =====================================  ===================================================
shape   driver                                 order
======  =====================================  ===================================================
merge   exact ranges, each ordered by number   number of the resource
range   one range of an index                  the range's own column (only without sort keys)
set     any matches, collected                 any: they are sorted
sorted  the index of the first sort key        that key
scan    all resources of the type              number of the resource, or any: they are sorted
======  =====================================  ===================================================
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from fhir_server.model import InvalidRequest
from fhir_server.search import And, Node, SortKey
from fhir_server.storage.sqlite import order, schema
from fhir_server.storage.sqlite.conditions import Conditions
from fhir_server.storage.sqlite.fragment import FALSE, Fragment, all_of, union
from fhir_server.storage.sqlite.order import Place
from fhir_server.storage.sqlite.ranges import Range, RangeFinder, SingleLeaf

FEW = 2000
"""Up to so many matches are collected and sorted, about 1 µs each; for more an ordered index is walked."""
MAX_MERGED = 64


class Statement(NamedTuple):
    """Rows of number and sort values, in order; ``range_part`` is the part whose order is used."""

    fragment: Fragment
    range_part: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    index: int
    members: Fragment
    ranges: tuple[Range, ...]
    count: int = FEW + 1

    @property
    def is_mergeable(self) -> bool:
        return 0 < len(self.ranges) <= MAX_MERGED and all(
            one.column == "res" for one in self.ranges
        )

    @property
    def is_range(self) -> bool:
        return len(self.ranges) == 1 and self.ranges[0].column != "res"


class Planner:
    """Plans one query for one resource type after the other.

    Args:
        connection: The one the query will run on; also probed.
        finder: Of the same connection.
        sort: The sort keys.
        limit: Rows wanted.
        is_only_type: Whether the order may be the driver's own.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        finder: RangeFinder,
        *,
        sort: Sequence[SortKey],
        limit: int,
        is_only_type: bool,
    ) -> None:
        self._connection = connection
        self._finder = finder
        self._conditions = Conditions(finder)
        self._sort = sort
        self._limit = limit
        self._is_only_type = is_only_type

    def statements(self, node: Node, resource_type: str, place: Place | None) -> list[Statement]:
        """Return the statements that give a page: the second one only where the first gives too few."""
        type_number = self._finder.number(resource_type)
        parts = flattened(node)
        if type_number is None or self._conditions.holds(node, resource_type, "r.res") is FALSE:
            return []
        if place is not None and not self._sort and place.keys:
            return [self._continued(parts, resource_type, place)]
        best = self._best(parts, resource_type, is_first_page=place is None)
        if best is None or best.count > FEW:
            if self._sort:
                walk = order.walk(self._finder, self._sort[0], resource_type)
                if walk is not None:
                    return self._sorted(walk, node, resource_type, type_number, place)
            if best is None or not (best.is_mergeable or best.is_range) or self._sort:
                return [self._scan(node, resource_type, type_number, place)]
        rest = without(parts, best.index)
        if self._sort:
            return [self._set(best.members, rest, resource_type, place)]
        if best.is_mergeable:
            return [self._merge(best.ranges, rest, resource_type, place)]
        if best.is_range and self._is_only_type and place is None:
            return [self._range(best.ranges[0], best.index, rest, resource_type, None)]
        if best.count > FEW:
            return [self._scan(node, resource_type, type_number, place)]
        return [self._set(best.members, rest, resource_type, place)]

    def count(self, node: Node, resource_type: str, most: int | None) -> Fragment | None:
        """Return the statement that counts all matches, up to ``most``; None: there are none."""
        type_number = self._finder.number(resource_type)
        parts = flattened(node)
        if type_number is None or self._conditions.holds(node, resource_type, "r.res") is FALSE:
            return None
        best = self._best(parts, resource_type, is_first_page=False)
        if best is None or (best.count > FEW and len(parts) > 1 and not best.is_mergeable):
            inner = self._live(resource_type, type_number, node)
        else:
            where = self._conditions.holds(without(parts, best.index), resource_type, "s.res")
            inner = Fragment(
                f"SELECT DISTINCT s.res FROM ({best.members.text}) AS s WHERE {where.text}",
                (*best.members.values, *where.values),
            )
        limit = "" if most is None else " LIMIT ?"
        return Fragment(
            f"SELECT count(*) FROM ({inner.text}{limit})",
            inner.values if most is None else (*inner.values, most),
        )

    # The choice

    def _best(
        self, parts: Sequence[Node], resource_type: str, *, is_first_page: bool
    ) -> _Part | None:
        """Return the part with the fewest matches; one that is alone and in order needs no probe."""
        candidates = []
        for index, node in enumerate(parts):
            members = self._conditions.members(node, resource_type)
            if members is not None:
                ranges = self._ranges(node, resource_type)
                candidates.append(_Part(index=index, members=members, ranges=ranges))
        if not candidates:
            return None
        only = candidates[0]
        may_walk = only.is_mergeable or (only.is_range and self._is_only_type and is_first_page)
        if len(candidates) == 1 and not self._sort and may_walk:
            return only
        best = min(
            (replace(part, count=self._probe(part.members)) for part in candidates),
            key=lambda part: (part.count, not part.is_mergeable, not part.is_range),
        )
        return best

    def _ranges(self, node: Node, resource_type: str) -> tuple[Range, ...]:
        if isinstance(node, SingleLeaf):
            return tuple(self._finder.ranges(node, resource_type))
        return ()

    def _probe(self, members: Fragment) -> int:
        row = self._connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM ({members.text}) LIMIT {FEW + 1})",
            members.values,
        ).fetchone()
        return int(row[0])

    # The shapes

    def _continued(self, parts: Sequence[Node], resource_type: str, place: Place) -> Statement:
        index = place.keys[0]
        if not isinstance(index, int) or not 0 <= index < len(parts) or len(place.keys) != 2:  # noqa: PLR2004 # part and value
            raise InvalidRequest.of("search-position")
        ranges = self._ranges(parts[index], resource_type)
        if len(ranges) != 1 or ranges[0].column == "res":
            raise InvalidRequest.of("search-position")
        return self._range(ranges[0], index, without(parts, index), resource_type, place)

    def _merge(
        self, ranges: Sequence[Range], rest: Node, resource_type: str, place: Place | None
    ) -> Statement:
        pieces = []
        for one in ranges:
            where = [one.holds("w"), self._conditions.holds(rest, resource_type, "w.res")]
            if place is not None:
                where.append(Fragment("w.res < ?", (place.res,)))
            condition = all_of(where)
            pieces.append(
                Fragment(
                    f"SELECT w.res AS res FROM {one.table.name} AS w WHERE {condition.text} "
                    "ORDER BY w.res DESC LIMIT ?",
                    (*condition.values, self._limit),
                )
            )
        if len(pieces) == 1:
            return Statement(pieces[0])
        joined = union(
            Fragment(f"SELECT res FROM ({piece.text})", piece.values) for piece in pieces
        )
        return Statement(
            Fragment(
                f"SELECT DISTINCT res FROM ({joined.text}) ORDER BY res DESC LIMIT ?",
                (*joined.values, self._limit),
            )
        )

    def _range(
        self, one: Range, index: int, rest: Node, resource_type: str, place: Place | None
    ) -> Statement:
        """Walk one range; dates from the latest, everything else from the least."""
        is_descending = one.table is schema.DATE
        walked = one
        where = []
        if place is not None:
            value = place.keys[1]
            operator = "<" if is_descending else ">"
            if value is None:
                raise InvalidRequest.of("search-position")
            where.append(Fragment(f"(w.{one.column}, w.res) {operator} (?, ?)", (value, place.res)))
            bound = (f"{operator}=", value)
            walked = one._replace(upper=bound) if is_descending else one._replace(lower=bound)
        where = [
            walked.holds("w"),
            *where,
            order.is_first(one.table, "w", one.holds("e"), is_descending=is_descending),
            self._conditions.holds(rest, resource_type, "w.res"),
        ]
        condition = all_of(where)
        way = "DESC" if is_descending else "ASC"
        return Statement(
            Fragment(
                f"SELECT w.res, w.{one.column} FROM {one.source.replace('{row}', 'w')} "
                f"WHERE {condition.text} ORDER BY w.{one.column} {way}, w.res {way} LIMIT ?",
                (*condition.values, self._limit),
            ),
            index,
        )

    def _set(
        self, members: Fragment, rest: Node, resource_type: str, place: Place | None
    ) -> Statement:
        where = self._conditions.holds(rest, resource_type, "m.res")
        source = Fragment(
            f"(SELECT DISTINCT res FROM ({members.text})) AS m WHERE {where.text}",
            (*members.values, *where.values),
        )
        return self._collected(source, "m.res", resource_type, place)

    def _scan(
        self, node: Node, resource_type: str, type_number: int, place: Place | None
    ) -> Statement:
        where = self._conditions.holds(node, resource_type, "r.res")
        source = Fragment(
            "resource AS r INDEXED BY resource_live WHERE r.type = ? AND r.live = 1 "
            f"AND {where.text}",
            (type_number, *where.values),
        )
        return self._collected(source, "r.res", resource_type, place)

    def _collected(
        self, source: Fragment, res: str, resource_type: str, place: Place | None
    ) -> Statement:
        if not self._sort:
            after = Fragment(f"{res} < ?", (place.res,)) if place else Fragment("1")
            return Statement(
                Fragment(
                    f"SELECT {res} FROM {source.text} AND {after.text} ORDER BY {res} DESC LIMIT ?",
                    (*source.values, *after.values, self._limit),
                )
            )
        keys = [order.key_value(self._finder, key, resource_type, res) for key in self._sort]
        columns = [f"k{number}" for number in range(len(keys))]
        computed = ", ".join(
            f"{key.text} AS {name}" for key, name in zip(keys, columns, strict=True)
        )
        after = order.after(self._sort, columns, "res", place) if place else Fragment("1")
        return Statement(
            Fragment(
                f"WITH found AS MATERIALIZED (SELECT {res} AS res, {computed} FROM {source.text}) "
                f"SELECT res, {', '.join(columns)} FROM found WHERE {after.text} "
                f"ORDER BY {order.order_by(self._sort, columns, 'res')} LIMIT ?",
                (
                    *(value for key in keys for value in key.values),
                    *source.values,
                    *after.values,
                    self._limit,
                ),
            )
        )

    def _sorted(
        self,
        walk: order.Walk,
        node: Node,
        resource_type: str,
        type_number: int,
        place: Place | None,
    ) -> list[Statement]:
        """Walk the index of the first sort key, then list those without a value."""
        missing = self._without_key(node, resource_type, type_number, place)
        if place is not None and place.keys and place.keys[0] is None:
            return [missing]
        first, *others = self._sort
        key_column = f"w.{walk.column}"
        keys = [order.key_value(self._finder, key, resource_type, "w.res") for key in others]
        columns = [key_column, *(f"k{number}" for number in range(1, len(self._sort)))]
        equal = all_of(Fragment(f"w.{column} = ?", (value,)) for column, value in walk.equal)
        same = all_of(Fragment(f"e.{column} = ?", (value,)) for column, value in walk.equal)
        where = [
            equal,
            order.is_first(walk.table, "w", same, is_descending=first.is_descending),
            self._conditions.holds(node, resource_type, "w.res"),
        ]
        computed = "".join(
            f", {key.text} AS {name}" for key, name in zip(keys, columns[1:], strict=True)
        )
        key_values = tuple(value for key in keys for value in key.values)
        if place is not None:
            operator = "<=" if first.is_descending else ">="
            where.append(Fragment(f"{key_column} {operator} ?", (place.keys[0],)))  # type: ignore[arg-type] # None went above
        condition = all_of(where)
        inner = (
            f"SELECT w.res AS res, {key_column} AS k0{computed} FROM {walk.table.name} AS w "
            f"WHERE {condition.text}"
        )
        columns = [f"k{number}" for number in range(len(self._sort))]
        after = order.after(self._sort, columns, "res", place) if place else Fragment("1")
        walked = Fragment(
            f"SELECT res, {', '.join(columns)} FROM ({inner}) WHERE {after.text} "
            f"ORDER BY {_plain_order(self._sort, columns)} LIMIT ?",
            (*key_values, *condition.values, *after.values, self._limit),
        )
        return [Statement(walked), missing]

    def _without_key(
        self, node: Node, resource_type: str, type_number: int, place: Place | None
    ) -> Statement:
        """List the resources that have no value for the first sort key."""
        where = self._conditions.holds(node, resource_type, "r.res")
        first = order.key_value(self._finder, self._sort[0], resource_type, "r.res")
        source = Fragment(
            "resource AS r INDEXED BY resource_live WHERE r.type = ? AND r.live = 1 "
            f"AND {where.text} AND {first.text} IS NULL",
            (type_number, *where.values, *first.values),
        )
        if place is not None and place.keys and place.keys[0] is not None:
            place = None
        return self._collected(source, "r.res", resource_type, place)

    def _live(self, resource_type: str, type_number: int, node: Node) -> Fragment:
        where = self._conditions.holds(node, resource_type, "r.res")
        return Fragment(
            "SELECT r.res FROM resource AS r INDEXED BY resource_live "
            f"WHERE r.type = ? AND r.live = 1 AND {where.text}",
            (type_number, *where.values),
        )


def flattened(node: Node) -> tuple[Node, ...]:
    """Return the parts that must all hold, nested ones included."""
    if isinstance(node, And):
        return tuple(inner for part in node.parts for inner in flattened(part))
    return (node,)


def without(parts: Sequence[Node], index: int) -> Node:
    """Return all parts but one."""
    return And(parts=(*parts[:index], *parts[index + 1 :]))


def _plain_order(sort: Sequence[SortKey], columns: Sequence[str]) -> str:
    """The first key is never NULL here, and saying so would hide the index's order from the planner."""
    first, _, others = order.order_by(sort, columns, "res").partition(" NULLS LAST")
    return first + others
