"""Tracing, the clock, aggregation, sorting, and what a quantity or a precision is.

Spec: http://hl7.org/fhirpath/N1/#utility-functions and http://hl7.org/fhirpath/N1/#aggregates
"""

from collections.abc import Callable
from datetime import datetime
from functools import cmp_to_key
from typing import Any

from fhir_server.fhirpath import quantity as quantities
from fhir_server.fhirpath.boundary import high_boundary, low_boundary, precision_of
from fhir_server.fhirpath.compiled import Collection, Compiled, from_many, single
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.functions.iteration import per_item
from fhir_server.fhirpath.functions.registry import (
    ANYTHING,
    BOOLEAN,
    COLLECTION,
    EXPRESSION,
    INTEGER,
    QUANTITY,
    SAME,
    SORT_KEY,
    WHOLE,
    Function,
    Site,
    SortKey,
    function,
    scalar,
)
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.temporal import temporal
from fhir_server.fhirpath.value import compare, wrap


@function("trace", spec="5.9.1", args=(COLLECTION, EXPRESSION), required=1, result=SAME)
def trace(site: Site, name: Compiled, projection: Compiled | None) -> Compiled:
    """Show the input, or a projection of it, to ``Env.trace``; the result is the input."""
    source, offset = site.source.many, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope)
        show = scope.run.env.trace
        if show is not None:
            label = single(name.many(scope.this, scope), offset, "trace()")
            seen = items
            if projection is not None:
                each = per_item(projection, projection.many)
                seen = [found for i, item in enumerate(items) for found in each(item, i, scope)]
            show("" if label is None else str(label.value), seen)
        return items

    return from_many(many, offset, some=site.source.some, reads_scope=True)


def _clock(name: str, spec: str, result: str, read: Callable[[datetime], Any]) -> Function:
    @function(name, spec=spec, result=result)
    def build(site: Site) -> Compiled:
        def many(_focus: Collection, scope: Scope) -> Collection:
            return [wrap(read(scope.run.now()))]

        return from_many(many, site.offset)

    return build


def _date_time(now: datetime) -> Any:
    return temporal("dateTime", now.isoformat(timespec="milliseconds"))


def _date(now: datetime) -> Any:
    return temporal("date", now.date().isoformat())


def _time(now: datetime) -> Any:
    return temporal("time", now.time().isoformat(timespec="milliseconds"))


now = _clock("now", "5.9.2", "System.DateTime", _date_time)
time_of_day = _clock("timeOfDay", "5.9.3", "System.Time", _time)
today = _clock("today", "5.9.4", "System.Date", _date)


@function("aggregate", spec="7.1", args=(EXPRESSION, COLLECTION), required=1)
def aggregate(site: Site, aggregator: Compiled, initial: Compiled | None) -> Compiled:
    """Fold the items with ``$total``."""
    source, offset = site.source.many, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        total = [] if initial is None else initial.many(scope.this, scope)
        items = source(focus, scope)
        for index, item in enumerate(items):
            inner = Scope(scope.run, [item], index, total, scope.variables)
            total = aggregator.many([item], inner)
            scope.run.spend(1 + len(total), offset)
        return total

    return from_many(many, offset, reads_scope=True)


@function("sort", spec="STU sort", args=(SORT_KEY,), required=0, is_variadic=True, result=SAME)
def sort(site: Site, *keys: SortKey) -> Compiled:
    """Order the items by one key after the other; empty comes first."""
    source, offset = site.source.many, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope)
        scope.run.spend(len(items) * (len(keys) + 1), offset)
        rows = [(_sort_keys(keys, item, i, scope, offset), item) for i, item in enumerate(items)]

        def order(left: _Row, right: _Row) -> int:
            for (one, sign), (other, _) in zip(left[0], right[0], strict=True):
                if (verdict := _order(one, other, offset) * sign) != 0:
                    return verdict
            return 0

        return [item for _, item in sorted(rows, key=cmp_to_key(order))]

    return from_many(many, offset, reads_scope=site.source.reads_scope)


_Row = tuple[list[tuple[Node | None, int]], Node]


def _sort_keys(
    keys: tuple[SortKey, ...], item: Node, index: int, scope: Scope, offset: int
) -> list[tuple[Node | None, int]]:
    if not keys:
        return [(item, 1)]
    inner = scope.at(item, index)
    return [
        (single(key.many([item], inner), offset, "sort()"), -1 if is_descending else 1)
        for key, is_descending in keys
    ]


def _order(left: Node | None, right: Node | None, offset: int) -> int:
    if left is None or right is None:
        return (left is not None) - (right is not None)
    return compare(left, right, "sort()", offset) or 0


@scalar("lowBoundary", spec="STU boundaries", takes=ANYTHING, args=(INTEGER,), required=0)
def low(value: Any, precision: int | None = None) -> Any:
    """Return the least value the input may mean."""
    return low_boundary(value, precision)


@scalar("highBoundary", spec="STU boundaries", takes=ANYTHING, args=(INTEGER,), required=0)
def high(value: Any, precision: int | None = None) -> Any:
    """Return the greatest value the input may mean."""
    return high_boundary(value, precision)


@scalar("precision", spec="STU boundaries", takes=ANYTHING, result=WHOLE)
def precision(value: Any) -> int | None:
    """Return how many digits the input has."""
    return precision_of(value)


@scalar("comparable", spec="STU comparable", takes=QUANTITY, args=(QUANTITY,), result=BOOLEAN)
def comparable(value: Quantity, other: Quantity) -> bool:
    """Say whether two quantities measure the same thing."""
    return quantities.are_comparable(value, other)
