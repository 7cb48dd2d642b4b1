"""Where in the tables a leaf's matches lie: each alternative becomes one range of an index.

Both ends of a range are bounded wherever the values allow it. What the prefixes mean is in
``search/tree.py``.

Spec: https://hl7.org/fhir/R4/search.html#prefix
"""

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from fhir_server.search import (
    EARTH_RADIUS_M,
    DateMatch,
    DateTerm,
    NearMatch,
    NumberMatch,
    NumberTerm,
    QuantityMatch,
    ReferenceMatch,
    StringMatch,
    TokenMatch,
    UriMatch,
    fold,
)
from fhir_server.storage.decimal_key import decimal_key
from fhir_server.storage.sqlite import schema
from fhir_server.storage.sqlite.dictionary import Dictionary
from fhir_server.storage.sqlite.distinct_texts import matching_texts
from fhir_server.storage.sqlite.fragment import Fragment, Value, all_of, marks
from fhir_server.storage.sqlite.rows import parameter_term, unit_parts, unit_term
from fhir_server.storage.sqlite.schema import Table

SingleLeaf = (
    TokenMatch
    | StringMatch
    | DateMatch
    | NumberMatch
    | QuantityMatch
    | ReferenceMatch
    | UriMatch
    | NearMatch
)
"""Leaves that compare one value at a time."""

Bound = tuple[str, Value]
"""An operator and what the column is compared with."""


class Range(NamedTuple):
    """Rows of one table; a resource matches that has at least one of them.

    Attributes:
        table: Where they lie.
        equal: Columns with the values they must have, ``param`` first.
        column: The next column of the index, by which the rows are ordered; ``res``: by resource,
            each at most once.
        lower: Lower end of ``column``.
        upper: Upper end of ``column``.
        rest: What must hold beside; ``{row}`` stands for the row's alias.
    """

    table: Table
    equal: tuple[tuple[str, Value], ...]
    column: str
    lower: Bound | None = None
    upper: Bound | None = None
    rest: Fragment | None = None

    def holds(self, row: str, *, with_bounds: bool = True) -> Fragment:
        """Return the condition on the row called ``row``."""
        parts = [Fragment(f"{row}.{column} = ?", (value,)) for column, value in self.equal]
        if with_bounds:
            parts += [
                Fragment(f"{row}.{self.column} {bound[0]} ?", (bound[1],))
                for bound in (self.lower, self.upper)
                if bound is not None
            ]
        if self.rest is not None:
            parts.append(Fragment(self.rest.text.replace("{row}", row), self.rest.values))
        return all_of(parts)

    @property
    def source(self) -> str:
        """The table, with the index that is ordered by ``column``."""
        if self.column == "high":
            return f"{self.table.name} AS {{row}} INDEXED BY {self.table.by_high}"
        return f"{self.table.name} AS {{row}}"


class RangeFinder:
    """Turns leaves into ranges; what the dictionary does not know matches nothing.

    Args:
        dictionary: Of the store.
        connection: The one the query will run on; also asked which systems and units there are.
    """

    def __init__(self, dictionary: Dictionary, connection: sqlite3.Connection) -> None:
        self._dictionary = dictionary
        self.connection = connection
        self._found: dict[tuple[int, str], list[Range]] = {}
        self._texts: dict[tuple[int, str], list[str] | None] = {}

    def number(self, text: str) -> int | None:
        """Return the number of a term; None: nothing that is stored has it."""
        return self._dictionary.number(self.connection, text)

    def parameter(self, table: Table, resource_type: str, parameter: str) -> int | None:
        """Return the number of a parameter; None: the table has no value of it."""
        return self.number(parameter_term(table, resource_type, parameter))

    def ranges(self, leaf: SingleLeaf, resource_type: str) -> list[Range]:
        """Return the ranges of a leaf; none: nothing matches."""
        key = (id(leaf), resource_type)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = list(self._ranges[type(leaf)](self, leaf, resource_type))
        return found

    def texts(self, leaf: SingleLeaf, resource_type: str) -> Fragment | None:
        """Return what the rows of the distinct texts that satisfy ``leaf`` have.

        The condition is on a row called ``{row}``. None: the leaf does not look inside of texts, or
        there are too many of them.
        """
        if not isinstance(leaf, StringMatch) or leaf.mode not in {"contains", "suffix"}:
            return None
        param = self.parameter(schema.STRING, resource_type, leaf.parameter)
        if param is None:
            return None
        key = (id(leaf), resource_type)
        if key not in self._texts:
            self._texts[key] = matching_texts(self.connection, self._dictionary, param, leaf)
        found = self._texts[key]
        if found is None:
            return None
        return Fragment(
            f"{{row}}.param = ? AND {{row}}.normal IN ({marks(len(found))})", (param, *found)
        )

    def tables(self, leaf: SingleLeaf, resource_type: str) -> dict[Table, list[Range]]:
        """Return the ranges of a leaf by table."""
        found: dict[Table, list[Range]] = {}
        for one in self.ranges(leaf, resource_type):
            found.setdefault(one.table, []).append(one)
        return found

    def distinct(self, table: Table, column: str, param: int) -> list[int]:
        """Return the systems (or units) a parameter has, one step in the index each."""
        rows = self.connection.execute(
            f"WITH RECURSIVE d (v) AS (SELECT min({column}) FROM {table.name} WHERE param = ?1 "
            f"UNION ALL SELECT (SELECT min({column}) FROM {table.name} WHERE param = ?1 "
            f"AND {column} > d.v) FROM d WHERE d.v IS NOT NULL) "
            "SELECT v FROM d WHERE v IS NOT NULL",
            (param,),
        )
        return [row[0] for row in rows]

    def _token(self, leaf: TokenMatch, resource_type: str) -> Iterator[Range]:
        param = self.parameter(schema.TOKEN, resource_type, leaf.parameter)
        if param is None:
            return
        for system, code in dict.fromkeys(leaf.values):
            if system is None:
                systems = self.distinct(schema.TOKEN, "system", param)
            else:
                number = self.number(system)
                systems = [] if number is None else [number]
            for one in systems:
                equal = (("param", param), ("system", one))
                if code is None:
                    yield Range(schema.TOKEN, equal, "code")
                else:
                    yield Range(schema.TOKEN, (*equal, ("code", code)), "res")

    def _string(self, leaf: StringMatch, resource_type: str) -> Iterator[Range]:
        param = self.parameter(schema.STRING, resource_type, leaf.parameter)
        if param is None:
            return
        equal = (("param", param),)
        for text in dict.fromkeys(leaf.values):
            if leaf.mode == "prefix":
                yield Range(schema.STRING, equal, "normal", *prefix_bounds(text))
            elif leaf.mode == "contains":
                rest = Fragment("instr({row}.normal, ?) > 0", (text,)) if text else None
                yield Range(schema.STRING, equal, "normal", rest=rest)
            elif leaf.mode == "suffix":
                ends = Fragment("substr({row}.normal, -length(?)) = ?", (text, text))
                rest = ends if text else None
                yield Range(schema.STRING, equal, "normal", rest=rest)
            else:
                normal = text if leaf.mode == "equal" else fold(text)
                rest = None if leaf.mode == "equal" else Fragment("{row}.exact = ?", (text,))
                bounds = (">=", normal), ("<=", normal)
                yield Range(schema.STRING, equal, "normal", *bounds, rest)

    def _date(self, leaf: DateMatch, resource_type: str) -> Iterator[Range]:
        param = self.parameter(schema.DATE, resource_type, leaf.parameter)
        if param is not None:
            for term in dict.fromkeys(leaf.values):
                yield Range(schema.DATE, (("param", param),), *date_bounds(term))

    def _number(self, leaf: NumberMatch, resource_type: str) -> Iterator[Range]:
        param = self.parameter(schema.NUMBER, resource_type, leaf.parameter)
        if param is not None:
            for term in leaf.values:
                yield from self._numbers(schema.NUMBER, (("param", param),), term)

    def _quantity(self, leaf: QuantityMatch, resource_type: str) -> Iterator[Range]:
        param = self.parameter(schema.QUANTITY, resource_type, leaf.parameter)
        if param is None:
            return
        for term in leaf.values:
            for unit in self._units(param, term.system, term.code):
                equal = (("param", param), ("unit", unit))
                yield from self._numbers(schema.QUANTITY, equal, term.number)

    def _numbers(
        self, table: Table, equal: tuple[tuple[str, Value], ...], term: NumberTerm
    ) -> Iterator[Range]:
        """Give the points above a number by their lower end, and the spans around it."""
        one = Range(table, equal, *number_bounds(term))
        yield one
        if term.prefix not in {"gt", "ge"}:
            return
        operator, value = "<=" if term.prefix == "gt" else "<", decimal_key(term.value)
        around = Fragment(f"{{row}}.low {operator} ? AND {{row}}.low <> {{row}}.high", (value,))
        spans = one._replace(column="high", rest=around)
        where = spans.holds("s")
        found = self.connection.execute(
            f"SELECT 1 FROM {spans.source.replace('{row}', 's')} WHERE {where.text} LIMIT 1",
            where.values,
        )
        if found.fetchone() is not None:
            yield spans

    def _units(self, param: int, system: str | None, code: str | None) -> list[int]:
        if system is not None and code is not None:
            number = self.number(unit_term(system, code))
            return [] if number is None else [number]
        units = self.distinct(schema.QUANTITY, "unit", param)
        if system is None and code is None:
            return units
        found = []
        for unit in units:
            its_system, its_code = unit_parts(self._dictionary.text(self.connection, unit))
            if system in {None, its_system} and code in {None, its_code}:
                found.append(unit)
        return found

    def _reference(self, leaf: ReferenceMatch, resource_type: str) -> Iterator[Range]:
        local = self.parameter(schema.REFERENCE, resource_type, leaf.parameter)
        other = self.parameter(schema.URI, resource_type, leaf.parameter)
        for term in dict.fromkeys(leaf.values):
            if term.url:
                uri = self.number(term.url)
                if other is not None and uri is not None:
                    yield Range(schema.URI, (("param", other), ("uri", uri)), "res")
            elif local is not None:
                for target in self.resources(term.type, term.id):
                    yield Range(schema.REFERENCE, (("param", local), ("target", target)), "res")

    def resources(self, resource_type: str, logical_id: str) -> list[int]:
        """Return the numbers of the resources with that id, of one type or ("") of any."""
        sql = "SELECT res FROM resource WHERE id = ?"
        if not resource_type:
            return [row[0] for row in self.connection.execute(sql, (logical_id,))]
        number = self.number(resource_type)
        rows = self.connection.execute(f"{sql} AND type = ?", (logical_id, number))
        return [row[0] for row in rows]

    def _uri(self, leaf: UriMatch, resource_type: str) -> Iterator[Range]:
        param = self.parameter(schema.URI, resource_type, leaf.parameter)
        if param is None:
            return
        for uri in dict.fromkeys(leaf.values):
            for number in self._uris(leaf.mode, uri):
                yield Range(schema.URI, (("param", param), ("uri", number)), "res")

    def _uris(self, mode: str, uri: str) -> list[int]:
        if mode == "exact":
            candidates = [uri]
        elif mode == "above":
            candidates = [uri, *(uri[: at + 1] for at, c in enumerate(uri) if c == "/")]
            candidates += [uri[:at] for at, c in enumerate(uri) if c == "/"]
        else:
            segment = uri if uri.endswith("/") else f"{uri}/"
            lower, upper = prefix_bounds(segment)
            rows = self.connection.execute(
                "SELECT id FROM term WHERE text = ? "
                "UNION SELECT id FROM term WHERE text >= ? AND text < ?",
                (uri, lower[1], upper[1] if upper else ""),
            )
            return [row[0] for row in rows]
        found = {self.number(text) for text in candidates}
        return sorted(number for number in found if number is not None)

    def _near(self, leaf: NearMatch, resource_type: str) -> Iterator[Range]:
        param = self.parameter(schema.POSITION, resource_type, leaf.parameter)
        if param is None:
            return
        for latitude, longitude, distance in leaf.values:
            reach = math.degrees(distance / EARTH_RADIUS_M) + 1e-9
            yield Range(
                schema.POSITION, (("param", param),), "latitude",
                (">=", latitude - reach), ("<=", latitude + reach),
                Fragment(
                    "distance_m(?, ?, {row}.latitude, {row}.longitude) <= ?",
                    (latitude, longitude, distance),
                ),
            )  # fmt: skip

    _ranges: Mapping[type, Callable[[Any, Any, str], Iterator[Range]]] = {
        TokenMatch: _token,
        StringMatch: _string,
        DateMatch: _date,
        NumberMatch: _number,
        QuantityMatch: _quantity,
        ReferenceMatch: _reference,
        UriMatch: _uri,
        NearMatch: _near,
    }


def prefix_bounds(text: str) -> tuple[Bound, Bound | None]:
    """Return the ends of all texts that begin with ``text``, by code points."""
    head = text.rstrip("\U0010ffff")
    if not head:
        return (">=", text), None
    following = ord(head[-1]) + 1
    if following == 0xD800:  # noqa: PLR2004 # surrogates are no characters
        following = 0xE000
    return (">=", text), ("<", head[:-1] + chr(following))


Bounds = tuple[str, Bound | None, Bound | None, Fragment | None]


def date_bounds(term: DateTerm) -> Bounds:
    """Return ordering column, ends and rest of a date's range; ``low <= high`` in every row."""
    prefix, low, high = term
    if prefix == "gt":
        return "high", (">", high), None, None
    if prefix == "lt":
        return "low", None, ("<", low), None
    if prefix == "sa":
        return "low", (">=", high), None, None
    if prefix == "eb":
        return "high", None, ("<=", low), None
    return _DATE_OVERLAPS[prefix](low, high)


_DATE_OVERLAPS: Mapping[str, Callable[[int, int], Bounds]] = {
    "eq": lambda low, high: (
        "low", (">=", low), ("<=", high), Fragment("{row}.high <= ?", (high,)),
    ),
    "ne": lambda low, high: (
        "low", None, None, Fragment("({row}.low < ? OR {row}.high > ?)", (low, high)),
    ),
    "ge": lambda low, high: (
        "high", (">=", low), None, Fragment("({row}.high > ? OR {row}.low >= ?)", (high, low)),
    ),
    "le": lambda low, high: (
        "low", None, ("<=", high), Fragment("({row}.low < ? OR {row}.high <= ?)", (low, high)),
    ),
    "ap": lambda low, high: ("low", None, ("<", high), Fragment("{row}.high > ?", (low,))),
}  # fmt: skip


def number_bounds(term: NumberTerm) -> Bounds:
    """Return ordering column, ends and rest of a number's range."""
    value, low, high = decimal_key(term.value), decimal_key(term.low), decimal_key(term.high)
    return _NUMBERS[term.prefix](value, low, high)


_NUMBERS: Mapping[str, Callable[[str, str, str], Bounds]] = {
    "eq": lambda _, low, high: (
        "low", (">=", low), ("<", high), Fragment("{row}.high < ?", (high,)),
    ),
    "ne": lambda _, low, high: (
        "low", None, None, Fragment("({row}.low < ? OR {row}.high >= ?)", (low, high)),
    ),
    "gt": lambda value, *_: ("low", (">", value), None, None),
    "ge": lambda value, *_: ("low", (">=", value), None, None),
    "sa": lambda value, *_: ("low", (">", value), None, None),
    "lt": lambda value, *_: ("low", None, ("<", value), None),
    "le": lambda value, *_: ("low", None, ("<=", value), None),
    "eb": lambda value, *_: ("low", None, ("<", value), Fragment("{row}.high < ?", (value,))),
    "ap": lambda _, low, high: ("low", None, ("<", high), Fragment("{row}.high >= ?", (low,))),
}  # fmt: skip
"""``gt`` and ``ge`` find no span around the value: `RangeFinder` adds those."""
