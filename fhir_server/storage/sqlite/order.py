"""Sort keys and the place of a page among them.

The order is: each sort key in its direction, those without a value last, then the number of the
resource in the direction of the first key; without sort keys the number alone, newest first.

Spec: https://hl7.org/fhir/R4/search.html#sort
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from fhir_server.model import InvalidRequest
from fhir_server.search import SortKey
from fhir_server.storage.sqlite import schema
from fhir_server.storage.sqlite.fragment import Fragment, all_of, any_of
from fhir_server.storage.sqlite.ranges import RangeFinder
from fhir_server.storage.sqlite.schema import Table

_COLUMNS: dict[str, tuple[Table, str]] = {
    "string": (schema.STRING, "normal"),
    "date": (schema.DATE, "low"),
    "token": (schema.TOKEN, "code"),
    "number": (schema.NUMBER, "low"),
    "quantity": (schema.QUANTITY, "low"),
}
_WITHIN_RESOURCE: dict[Table, tuple[str, ...]] = {
    schema.STRING: ("normal", "exact"),
    schema.DATE: ("low", "high"),
    schema.TOKEN: ("code",),
    schema.NUMBER: ("low", "high"),
    schema.QUANTITY: ("low", "high"),
    schema.POSITION: ("latitude", "longitude"),
}
"""What tells the rows apart that one resource has in one range."""

NULL = Fragment("NULL")


class Place(NamedTuple):
    """After which sort values and which resource a page starts."""

    keys: tuple[str | int | float | None, ...]
    res: int


class Walk(NamedTuple):
    """An index that is ordered by a sort key."""

    table: Table
    equal: tuple[tuple[str, Any], ...]
    column: str

    def holds(self, row: str) -> Fragment:
        """Return the condition that the row called ``row`` is part of it."""
        return all_of(Fragment(f"{row}.{column} = ?", (value,)) for column, value in self.equal)


def direction(sort: Sequence[SortKey]) -> str:
    """Return the direction of the number of the resource, which breaks ties."""
    return "DESC" if not sort or sort[0].is_descending else "ASC"


def key_value(finder: RangeFinder, key: SortKey, resource_type: str, res: str) -> Fragment:
    """Return the expression for what the resource ``res`` is ordered by; NULL: by nothing."""
    best = "max" if key.is_descending else "min"
    if key.kind == "_id":
        return Fragment(f"(SELECT v.id FROM resource AS v WHERE v.res = {res})")
    if key.kind in {"reference", "uri"}:
        return _link_value(finder, key, resource_type, res, best)
    table, column = _COLUMNS[key.kind]
    param = finder.parameter(table, resource_type, key.parameter)
    if param is None:
        return NULL
    return Fragment(
        f"(SELECT {best}(v.{column}) FROM {table.name} AS v INDEXED BY {table.by_resource} "
        f"WHERE v.res = {res} AND v.param = ?)",
        (param,),
    )


def _link_value(
    finder: RangeFinder, key: SortKey, resource_type: str, res: str, best: str
) -> Fragment:
    local = finder.parameter(schema.REFERENCE, resource_type, key.parameter)
    other = finder.parameter(schema.URI, resource_type, key.parameter)
    return Fragment(
        f"(SELECT {best}(text) FROM ("
        "SELECT y.text || '/' || t.id AS text FROM reference AS v INDEXED BY reference_res "
        "JOIN resource AS t ON t.res = v.target JOIN term AS y ON y.id = t.type "
        f"WHERE v.res = {res} AND v.param = ? UNION ALL "
        "SELECT y.text FROM uri AS v INDEXED BY uri_res JOIN term AS y ON y.id = v.uri "
        f"WHERE v.res = {res} AND v.param = ?))",
        (-1 if local is None else local, -1 if other is None else other),
    )


def walk(finder: RangeFinder, key: SortKey, resource_type: str) -> Walk | None:
    """Return the index that is ordered by ``key``; None: there is none."""
    if key.kind not in _COLUMNS:
        return None
    table, column = _COLUMNS[key.kind]
    param = finder.parameter(table, resource_type, key.parameter)
    if param is None:
        return None
    equal: tuple[tuple[str, Any], ...] = (("param", param),)
    between = {"token": "system", "quantity": "unit"}.get(key.kind)
    if between is not None:
        found = finder.distinct(table, between, param)
        if len(found) != 1:
            return None
        equal = (*equal, (between, found[0]))
    return Walk(table, equal, column)


def is_first(table: Table, row: str, where: Fragment, *, is_descending: bool) -> Fragment:
    """Return the condition that no earlier row (alias ``e``) of the resource satisfies ``where``.

    Where a resource has several values, it is listed at the first one only.
    """
    columns = _WITHIN_RESOURCE[table]
    operator = ">" if is_descending else "<"
    earlier = ", ".join(f"e.{column}" for column in columns)
    this = ", ".join(f"{row}.{column}" for column in columns)
    return Fragment(
        f"NOT EXISTS (SELECT 1 FROM {table.name} AS e INDEXED BY {table.by_resource} "
        f"WHERE e.res = {row}.res AND {where.text} AND ({earlier}) {operator} ({this}))",
        where.values,
    )


def after(sort: Sequence[SortKey], columns: Sequence[str], res: str, place: Place) -> Fragment:
    """Return the condition that a row comes after ``place``.

    Args:
        sort: The sort keys.
        columns: The SQL of each key's value.
        res: The SQL of the resource's number.
        place: The place.
    """
    if len(place.keys) != len(sort):
        raise InvalidRequest.of("search-position")
    comes = Fragment(f"{res} {'<' if direction(sort) == 'DESC' else '>'} ?", (place.res,))
    for key, column, value in reversed(list(zip(sort, columns, place.keys, strict=True))):
        if value is None:
            comes = all_of((Fragment(f"{column} IS NULL"), comes))
            continue
        operator = "<" if key.is_descending else ">"
        later = Fragment(f"({column} {operator} ? OR {column} IS NULL)", (value,))
        comes = any_of((later, all_of((Fragment(f"{column} = ?", (value,)), comes))))
    return comes


def order_by(sort: Sequence[SortKey], columns: Sequence[str], res: str) -> str:
    """Return the ORDER BY list."""
    parts = [
        f"{column} {'DESC' if key.is_descending else 'ASC'} NULLS LAST"
        for key, column in zip(sort, columns, strict=True)
    ]
    return ", ".join((*parts, f"{res} {direction(sort)}"))


def walked_by(sort: Sequence[SortKey], columns: Sequence[str], res: str) -> str:
    """Return the ORDER BY list where the first key is never NULL.

    To say where NULL goes would hide from SQLite that the index has this order already.
    """
    first, _, others = order_by(sort, columns, res).partition(" NULLS LAST")
    return first + others


def merge(rows: list[Any], sort: Sequence[SortKey]) -> list[Any]:
    """Put rows of several types (number first, then the sort values) into one order."""
    rows.sort(key=itemgetter(0), reverse=direction(sort) == "DESC")
    for index, key in reversed(list(enumerate(sort, 1))):
        there = [row for row in rows if row[index] is not None]
        there.sort(key=itemgetter(index), reverse=key.is_descending)
        rows = there + [row for row in rows if row[index] is None]
    return rows
