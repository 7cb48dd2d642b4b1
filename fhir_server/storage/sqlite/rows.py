"""From index values to table rows: names become numbers, decimals become sortable text.

Terms are ``token Patient gender`` for parameters and the text itself for types, systems and uris.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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
from fhir_server.storage.sqlite import schema
from fhir_server.storage.sqlite.decimal_key import decimal_key
from fhir_server.storage.sqlite.schema import Table

Row = tuple[Any, ...]
Rows = dict[Table, set[Row]]
Intern = Callable[[str], int]
Target = Callable[[str, str], int]


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


class RowMaker:
    """Makes the rows of one resource after the other.

    Args:
        intern: Gives the number of a text.
        target: Gives the number of the resource with that type and id, also where it was never written.
    """

    def __init__(self, intern: Intern, target: Target) -> None:
        self._intern = intern
        self._target = target

    def rows(self, values: IndexValues, resource_type: str, res: int) -> Rows:
        """Return the rows of all values of one resource."""
        rows: Rows = {}
        kinds: tuple[tuple[Table, Callable[..., Row], Sequence[IndexValue]], ...] = (
            (schema.TOKEN, self._token, values.tokens),
            (schema.STRING, self._string, values.strings),
            (schema.DATE, self._date, values.dates),
            (schema.NUMBER, self._number, values.numbers),
            (schema.QUANTITY, self._quantity, values.quantities),
            (schema.URI, self._uri, values.uris),
            (schema.POSITION, self._position, values.positions),
        )
        for table, make, found in kinds:
            if found:
                prefix = f"{table.name} {resource_type} "
                rows[table] = {make(prefix, value, res, 0) for value in found}
        for reference in values.references:
            self._reference(rows, resource_type, reference, res, 0)
        for grp, composite in enumerate(values.composites, 1):
            for value in composite.components:
                self._component(rows, resource_type, value, res, grp)
        return rows

    def _component(
        self, rows: Rows, resource_type: str, value: IndexValue, res: int, grp: int
    ) -> None:
        if isinstance(value, ReferenceValue):
            self._reference(rows, resource_type, value, res, grp)
            return
        table, make = self._makers[type(value)]
        prefix = f"{table.name} {resource_type} "
        rows.setdefault(table, set()).add(make(self, prefix, value, res, grp))

    def _token(self, prefix: str, value: TokenValue, res: int, grp: int) -> Row:
        parameter, system, code = value
        intern = self._intern
        return (intern(prefix + parameter), intern(system), code, res, grp)

    def _string(self, prefix: str, value: StringValue, res: int, grp: int) -> Row:
        parameter, normal, exact = value
        return (self._intern(prefix + parameter), normal, res, exact, grp)

    def _date(self, prefix: str, value: DateValue, res: int, grp: int) -> Row:
        parameter, low, high = value
        return (self._intern(prefix + parameter), low, res, high, grp)

    def _number(self, prefix: str, value: NumberValue, res: int, grp: int) -> Row:
        low, high = decimal_key(value.low), decimal_key(value.high)
        return (self._intern(prefix + value.parameter), low, res, high, grp)

    def _quantity(self, prefix: str, value: QuantityValue, res: int, grp: int) -> Row:
        low, high = decimal_key(value.low), decimal_key(value.high)
        unit = self._intern(unit_term(value.system, value.code))
        return (self._intern(prefix + value.parameter), unit, low, res, high, grp)

    def _uri(self, prefix: str, value: UriValue, res: int, grp: int) -> Row:
        return (self._intern(prefix + value.parameter), self._intern(value.uri), res, grp)

    def _position(self, prefix: str, value: PositionValue, res: int, grp: int) -> Row:
        latitude, longitude = float(value.latitude), float(value.longitude)
        return (self._intern(prefix + value.parameter), latitude, longitude, res, grp)

    def _reference(
        self, rows: Rows, resource_type: str, value: ReferenceValue, res: int, grp: int
    ) -> None:
        """A local link is kept as the number of its target, any other as a uri."""
        if value.url:
            parameter = parameter_term(schema.URI, resource_type, value.parameter)
            row = (self._intern(parameter), self._intern(value.url), res, grp)
            rows.setdefault(schema.URI, set()).add(row)
        else:
            parameter = parameter_term(schema.REFERENCE, resource_type, value.parameter)
            row = (self._intern(parameter), self._target(value.type, value.id), res, grp)
            rows.setdefault(schema.REFERENCE, set()).add(row)

    _makers: Mapping[type, tuple[Table, Callable[..., Row]]] = {
        TokenValue: (schema.TOKEN, _token),
        StringValue: (schema.STRING, _string),
        DateValue: (schema.DATE, _date),
        NumberValue: (schema.NUMBER, _number),
        QuantityValue: (schema.QUANTITY, _quantity),
        UriValue: (schema.URI, _uri),
        PositionValue: (schema.POSITION, _position),
    }


def changes(old: Iterable[Row], new: Iterable[Row]) -> tuple[set[Row], set[Row]]:
    """Return the rows to take away and the rows to add."""
    before, after = set(old), set(new)
    return before - after, after - before
