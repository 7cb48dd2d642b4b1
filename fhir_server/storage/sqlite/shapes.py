"""The statements a page is read with, one method a shape; ``plan.py`` chooses among them.

Each gives the number of the resource, then its sort values, in the order of the page.
"""

from collections.abc import Sequence
from typing import NamedTuple

from fhir_server.search import Node, SortKey
from fhir_server.storage.sqlite import order, schema
from fhir_server.storage.sqlite.conditions import Conditions
from fhir_server.storage.sqlite.fragment import TRUE, Fragment, all_of, union
from fhir_server.storage.sqlite.order import Place
from fhir_server.storage.sqlite.ranges import Range, RangeFinder


class Statement(NamedTuple):
    """Rows of number and sort values; ``range_part``: in the order of that part's range."""

    fragment: Fragment
    range_part: int | None = None


class Shapes:
    """Makes statements for one resource type.

    Args:
        finder: Of the connection that they will run on.
        conditions: Of the same finder.
        resource_type: The type.
        type_number: Its number.
        sort: The sort keys.
        limit: Rows wanted.
    """

    def __init__(
        self,
        finder: RangeFinder,
        conditions: Conditions,
        *,
        resource_type: str,
        type_number: int,
        sort: Sequence[SortKey],
        limit: int,
    ) -> None:
        self._finder = finder
        self._conditions = conditions
        self._type = resource_type
        self._type_number = type_number
        self._sort = sort
        self._limit = limit

    def merge(self, ranges: Sequence[Range], rest: Node, place: Place | None) -> Statement:
        """Take a page of each range, newest resource first, and the first of all together."""
        before = TRUE if place is None else Fragment("w.res < ?", (place.res,))
        others = all_of((self._holds(rest, "w.res"), before))
        pieces = []
        for one in ranges:
            where = all_of((one.holds("w"), others))
            pieces.append(
                Fragment(
                    f"SELECT w.res AS res FROM {one.table.name} AS w WHERE {where.text} "
                    "ORDER BY w.res DESC LIMIT ?",
                    (*where.values, self._limit),
                )
            )
        if len(pieces) == 1:
            return Statement(pieces[0])
        joined = union(Fragment(f"SELECT res FROM ({p.text})", p.values) for p in pieces)
        return Statement(
            Fragment(
                f"SELECT DISTINCT res FROM ({joined.text}) ORDER BY res DESC LIMIT ?",
                (*joined.values, self._limit),
            )
        )

    def range(self, one: Range, part: int, rest: Node, place: Place | None) -> Statement:
        """Walk one range; dates from the latest, everything else from the least."""
        is_descending = one.table is schema.DATE
        operator, way = ("<", "DESC") if is_descending else (">", "ASC")
        walked, after = one, TRUE
        if place is not None:
            value = place.keys[1] or 0
            bound = (f"{operator}=", value)
            walked = one._replace(upper=bound) if is_descending else one._replace(lower=bound)
            after = Fragment(f"(w.{one.column}, w.res) {operator} (?, ?)", (value, place.res))
        where = all_of((
            walked.holds("w"),
            after,
            order.is_first(one.table, "w", one.holds("e"), is_descending=is_descending),
            self._holds(rest, "w.res"),
        ))  # fmt: skip
        return Statement(
            Fragment(
                f"SELECT w.res, w.{one.column} FROM {one.source.replace('{row}', 'w')} "
                f"WHERE {where.text} ORDER BY w.{one.column} {way}, w.res {way} LIMIT ?",
                (*where.values, self._limit),
            ),
            part,
        )

    def collect(self, members: Fragment, rest: Node, place: Place | None) -> Statement:
        """Collect a set, check the rest, sort."""
        return self._collected(self.checked(members, rest), "s.res", place)

    def scan(self, node: Node, place: Place | None) -> Statement:
        """Look at all resources of the type, newest first."""
        return self._collected(self.all_live(node), "r.res", place)

    def checked(self, members: Fragment, rest: Node) -> Fragment:
        """Return FROM and WHERE for a set, each member once as ``s.res``, where ``rest`` holds."""
        where = self._holds(rest, "s.res")
        return Fragment(
            f"(SELECT DISTINCT res FROM ({members.text})) AS s WHERE {where.text}",
            (*members.values, *where.values),
        )

    def all_live(self, node: Node) -> Fragment:
        """Return FROM and WHERE for the type's resources, as ``r.res``, where ``node`` holds."""
        where = self._holds(node, "r.res")
        return Fragment(
            "resource AS r INDEXED BY resource_live WHERE r.type = ? AND r.live = 1 "
            f"AND {where.text}",
            (self._type_number, *where.values),
        )

    def sorted(self, walk: order.Walk, node: Node, place: Place | None) -> list[Statement]:
        """Walk the index of the first sort key, then list those without a value."""
        missing = self._without_key(node, place)
        if place is not None and place.keys[:1] == (None,):
            return [missing]
        first, *others = self._sort
        columns = [f"k{number}" for number in range(len(self._sort))]
        keys = [order.key_value(self._finder, key, self._type, "w.res") for key in others]
        computed = "".join(
            f", {key.text} AS {name}" for key, name in zip(keys, columns[1:], strict=True)
        )
        after = bound = TRUE
        if place is not None:
            after = order.after(self._sort, columns, "res", place)
            operator = "<=" if first.is_descending else ">="
            bound = Fragment(f"w.{walk.column} {operator} ?", (place.keys[0] or 0,))
        where = all_of((
            walk.holds("w"),
            bound,
            order.is_first(walk.table, "w", walk.holds("e"), is_descending=first.is_descending),
            self._holds(node, "w.res"),
        ))  # fmt: skip
        walked = Fragment(
            f"SELECT res, {', '.join(columns)} FROM (SELECT w.res AS res, "
            f"w.{walk.column} AS k0{computed} FROM {walk.table.name} AS w WHERE {where.text}) "
            f"WHERE {after.text} ORDER BY {order.walked_by(self._sort, columns, 'res')} LIMIT ?",
            (
                *(value for key in keys for value in key.values),
                *where.values,
                *after.values,
                self._limit,
            ),
        )
        return [Statement(walked), missing]

    def _without_key(self, node: Node, place: Place | None) -> Statement:
        """List the resources that have no value for the first sort key."""
        first = order.key_value(self._finder, self._sort[0], self._type, "r.res")
        live = self.all_live(node)
        source = Fragment(f"{live.text} AND {first.text} IS NULL", (*live.values, *first.values))
        if place is not None and place.keys[:1] != (None,):
            place = None
        return self._collected(source, "r.res", place)

    def _collected(self, source: Fragment, res: str, place: Place | None) -> Statement:
        if not self._sort:
            after = TRUE if place is None else Fragment(f"{res} < ?", (place.res,))
            return Statement(
                Fragment(
                    f"SELECT {res} FROM {source.text} AND {after.text} ORDER BY {res} DESC LIMIT ?",
                    (*source.values, *after.values, self._limit),
                )
            )
        keys = [order.key_value(self._finder, key, self._type, res) for key in self._sort]
        columns = [f"k{number}" for number in range(len(keys))]
        computed = ", ".join(
            f"{key.text} AS {name}" for key, name in zip(keys, columns, strict=True)
        )
        after = TRUE if place is None else order.after(self._sort, columns, "res", place)
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

    def _holds(self, node: Node, res: str) -> Fragment:
        return self._conditions.holds(node, self._type, res)
