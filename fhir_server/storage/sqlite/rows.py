"""From index values to table rows: names become numbers, decimals become sortable text.

Terms are ``token Patient gender`` for parameters and the text itself for types, systems and uris.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from fhir_server.search import (
    DateValue,
    IndexValue,
    IndexValues,
    NumberValue,
    PositionValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)
from fhir_server.storage.decimal_key import decimal_key
from fhir_server.storage.sqlite import schema
from fhir_server.storage.sqlite.date_span import spans
from fhir_server.storage.sqlite.dictionary import Parameters, Terms
from fhir_server.storage.sqlite.schema import Table

Row = tuple[Any, ...]
Rows = dict[Table, list[Row]]
Target = Callable[[str, str], int]
"""Gives the number of the resource with a type and id, also where it was never written."""

SINGLE = 0
"""The group of values that belong to no composite."""


def parameter_term(table: Table, resource_type: str, parameter: str) -> str:
    """Return the text under which a parameter has its number."""
    return f"{table.name} {resource_type} {parameter}"


def unit_term(system: str, code: str) -> str:
    """Return the text under which a unit has its number; the length tells the two parts apart."""
    return f"{len(system)} {system}{code}"


def unit_parts(term: str) -> tuple[str, str]:
    """Return system and code of a unit's text."""
    length, _, both = term.partition(" ")
    return both[: int(length)], both[int(length) :]


class _Owner(NamedTuple):
    """Whose rows they are."""

    resource_type: str
    res: int
    grp: int


class RowMaker:
    """Makes the rows of one resource after the other.

    Args:
        terms: Of the connection that writes.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._parameters: dict[tuple[Table, str], Parameters] = {}

    def forget(self) -> None:
        """The transaction is undone: its numbers are worth nothing."""
        self._terms.clear()
        self._parameters.clear()

    def rows(self, values: IndexValues, resource_type: str, res: int, target: Target) -> Rows:
        """Return the rows of all values of one resource; they may repeat."""
        rows: Rows = {}
        owner = _Owner(resource_type, res, SINGLE)
        self._add(rows, values, owner, target)
        for grp, composite in enumerate(values.composites, 1):
            group = _sorted_out(composite.components)
            self._add(rows, group, owner._replace(grp=grp), target)
        return rows

    def _add(self, rows: Rows, values: IndexValues, owner: _Owner, target: Target) -> None:
        """Add the rows kind by kind: a call a row would cost as much as all the rest."""
        resource_type, res, grp = owner
        of, terms = self._of, self._terms
        if values.tokens:
            ids = of(schema.TOKEN, resource_type)
            _put(rows, schema.TOKEN, [(ids[p], terms[s], c, res, grp) for p, s, c in values.tokens])
        if values.strings:
            ids = of(schema.STRING, resource_type)
            _put(rows, schema.STRING, [(ids[p], n, res, e, grp) for p, n, e in values.strings])
        if values.dates:
            ids = of(schema.DATE, resource_type)
            dates = [*values.dates, *(spans(values.dates) if grp == SINGLE else ())]
            _put(rows, schema.DATE, [(ids[p], lo, res, hi, grp) for p, lo, hi in dates])
        if values.numbers:
            ids = of(schema.NUMBER, resource_type)
            numbers = [(p, *_ends(low, high)) for p, low, high in values.numbers]
            _put(rows, schema.NUMBER, [(ids[p], lo, res, hi, grp) for p, lo, hi in numbers])
        if values.quantities:
            ids = of(schema.QUANTITY, resource_type)
            found = [(p, unit_term(s, c), *_ends(lo, hi)) for p, s, c, lo, hi in values.quantities]
            made = [(ids[p], terms[unit], lo, res, hi, grp) for p, unit, lo, hi in found]
            _put(rows, schema.QUANTITY, made)
        if values.references:
            self._add_references(rows, values.references, owner, target)
        if values.uris:
            ids = of(schema.URI, resource_type)
            _put(rows, schema.URI, [(ids[p], terms[uri], res, grp) for p, uri in values.uris])
        if values.positions:
            ids = of(schema.POSITION, resource_type)
            points = [(ids[p], float(a), float(b), res, grp) for p, a, b in values.positions]
            _put(rows, schema.POSITION, points)

    def _add_references(
        self, rows: Rows, references: Iterable[ReferenceValue], owner: _Owner, target: Target
    ) -> None:
        """A local link is kept as the number of its target, any other as a uri."""
        resource_type, res, grp = owner
        local = self._of(schema.REFERENCE, resource_type)
        other = self._of(schema.URI, resource_type)
        for parameter, target_type, logical_id, url in references:
            if url:
                _put(rows, schema.URI, [(other[parameter], self._terms[url], res, grp)])
            else:
                number = target(target_type, logical_id)
                _put(rows, schema.REFERENCE, [(local[parameter], number, res, grp)])

    def _of(self, table: Table, resource_type: str) -> Parameters:
        key = (table, resource_type)
        found = self._parameters.get(key)
        if found is None:
            found = Parameters(self._terms, parameter_term(table, resource_type, ""))
            self._parameters[key] = found
        return found


def changes(old: Iterable[Row], new: Iterable[Row]) -> tuple[set[Row], set[Row]]:
    """Return the rows to take away and the rows to add."""
    before, after = set(old), set(new)
    return before - after, after - before


def _put(rows: Rows, table: Table, more: list[Row]) -> None:
    found = rows.get(table)
    if found is None:
        rows[table] = more
    else:
        found += more


def _ends(low: Any, high: Any) -> tuple[str, str]:
    key = decimal_key(low)
    return key, key if low == high else decimal_key(high)


def _sorted_out(components: Iterable[IndexValue]) -> IndexValues:
    """Return the values of one group by kind."""
    found: dict[str, list[Any]] = {kind: [] for kind in _KINDS.values()}
    for value in components:
        found[_KINDS[type(value)]].append(value)
    return IndexValues(**found)


_KINDS: dict[type, str] = {
    TokenValue: "tokens",
    StringValue: "strings",
    DateValue: "dates",
    NumberValue: "numbers",
    QuantityValue: "quantities",
    ReferenceValue: "references",
    UriValue: "uris",
    PositionValue: "positions",
}
