"""Conversion between FHIRPath's types, and ``iif``.

Spec: http://hl7.org/fhirpath/N1/#conversion
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir_server.fhirpath import quantity as quantities
from fhir_server.fhirpath import ucum
from fhir_server.fhirpath.compiled import (
    Collection,
    Compiled,
    Truth,
    as_truth,
    from_many,
    single,
)
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.functions.registry import (
    ANYTHING,
    BOOLEAN,
    EXPRESSION,
    TEXT,
    Function,
    Site,
    function,
    scalar,
)
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.temporal import Temporal, temporal
from fhir_server.fhirpath.tree import CALENDAR_UNITS

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_INTEGER = re.compile(r"[+-]?\d{1,19}")
_DECIMAL = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?")


@function("iif", spec="5.5.1", args=(EXPRESSION, EXPRESSION, EXPRESSION), required=2)
def iif(site: Site, criterion: Compiled, then: Compiled, otherwise: Compiled | None) -> Compiled:
    """Evaluate one of two expressions, the other one not at all."""
    source, offset = site.source.many, site.offset
    decide = _strictly_boolean(site, criterion) if site.is_strict else criterion.truth

    def many(focus: Collection, scope: Scope) -> Collection:
        items = source(focus, scope)
        item = single(items, offset, "iif()") if site.is_strict else next(iter(items), None)
        inner = scope if item is None or len(items) > 1 else scope.at(item, scope.index or 0)
        if decide(items, inner):
            return then.many(items, inner)
        return [] if otherwise is None else otherwise.many(items, inner)

    return from_many(many, offset, reads_scope=True)


def _strictly_boolean(site: Site, criterion: Compiled) -> Truth:
    """A text or a number that was computed is no criterion; an element that is there is one."""

    def truth(focus: Collection, scope: Scope) -> bool | None:
        found = criterion.many(focus, scope)
        answer = as_truth(found, site.offset)
        if found and found[0].fhir_type.startswith("System.") and found[0].value is not answer:
            raise site.fault(found[0].fhir_type, "Boolean")
        return answer

    return truth


def to_boolean(value: Any) -> bool | None:
    """Convert to Boolean; None where that is impossible."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        folded = value.casefold()
        return True if folded in _TRUE else False if folded in _FALSE else None
    return None


def to_integer(value: Any) -> int | None:
    """Convert to Integer; None where that is impossible."""
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    return None


def to_decimal(value: Any) -> Decimal | None:
    """Convert to Decimal; None where that is impossible."""
    if isinstance(value, bool | int):
        return Decimal(value)
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    return None


def to_text(value: Any) -> str | None:
    """Convert to String; None where that is impossible."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, str | int | Quantity | Temporal):
        return str(value)
    return None


def to_date(value: Any) -> Temporal | None:
    """Convert to Date: a dateTime loses its time."""
    if isinstance(value, Temporal):
        if value.kind == "date":
            return value
        return temporal("date", str(value)[:10]) if value.kind == "dateTime" else None
    if isinstance(value, str):
        return temporal("date", value)
    return None


def to_date_time(value: Any) -> Temporal | None:
    """Convert to DateTime: a date becomes one without time."""
    if isinstance(value, Temporal):
        return None if value.kind == "time" else temporal("dateTime", str(value))
    return temporal("dateTime", value) if isinstance(value, str) else None


def to_time(value: Any) -> Temporal | None:
    """Convert to Time."""
    if isinstance(value, Temporal):
        return value if value.kind == "time" else None
    return temporal("time", value) if isinstance(value, str) else None


def to_quantity(value: Any) -> Quantity | None:
    """Convert to Quantity: a number gets the unit ``1``."""
    if isinstance(value, Quantity):
        return value
    if isinstance(value, bool | int | Decimal):
        return Quantity(Decimal(value))
    return quantities.quantity(value) if isinstance(value, str) else None


def _pair(name: str, spec: str, convert: Callable[[Any], Any]) -> tuple[Function, Function]:
    """Make ``toX()`` and ``convertsToX()``."""

    @scalar(f"to{name}", spec=spec, takes=ANYTHING, result=f"System.{name}")
    def to(value: Any) -> Any:
        return convert(value)

    @scalar(f"convertsTo{name}", spec=spec, takes=ANYTHING, result=BOOLEAN)
    def converts(value: Any) -> bool:
        return convert(value) is not None

    return to, converts


boolean, converts_to_boolean = _pair("Boolean", "5.5.2", to_boolean)
integer, converts_to_integer = _pair("Integer", "5.5.3", to_integer)
date, converts_to_date = _pair("Date", "5.5.4", to_date)
date_time, converts_to_date_time = _pair("DateTime", "5.5.5", to_date_time)
decimal, converts_to_decimal = _pair("Decimal", "5.5.6", to_decimal)
text, converts_to_text = _pair("String", "5.5.8", to_text)
time, converts_to_time = _pair("Time", "5.5.9", to_time)


def _in_unit(value: Any, unit: str | None) -> Quantity | None:
    found = to_quantity(value)
    if found is None or unit is None:
        return found
    if unit in CALENDAR_UNITS:
        target = Quantity(Decimal(0), CALENDAR_UNITS[unit], True)
        return quantities.add(target, found)
    converted = ucum.convert(found.value, quantities.as_ucum(found), unit)
    return None if converted is None else Quantity(converted, unit)


@scalar(
    "toQuantity", spec="5.5.7", takes=ANYTHING, args=(TEXT,), required=0, result="System.Quantity"
)
def quantity(value: Any, unit: str | None = None) -> Quantity | None:
    """Convert to Quantity, in ``unit`` where it is given."""
    return _in_unit(value, unit)


@scalar(
    "convertsToQuantity", spec="5.5.7", takes=ANYTHING, args=(TEXT,), required=0, result=BOOLEAN
)
def converts_to_quantity(value: Any, unit: str | None = None) -> bool:
    """Say whether ``toQuantity`` would give something."""
    return _in_unit(value, unit) is not None
