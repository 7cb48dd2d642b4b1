"""Dates and times moved by a duration.

Spec: http://hl7.org/fhirpath/N1/#datetime-arithmetic
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.temporal import (
    DAY,
    DAY_NS,
    HOUR,
    MILLISECOND,
    MINUTE,
    MONTH,
    NANOSECONDS,
    SECOND,
    YEAR,
    Temporal,
    days_in_month,
)
from fhir_server.fhirpath.tree import CALENDAR_UNITS

_NANOSECONDS = {
    "week": 7 * DAY_NS,
    "day": DAY_NS,
    "hour": 3600 * NANOSECONDS,
    "minute": 60 * NANOSECONDS,
    "second": NANOSECONDS,
    "millisecond": NANOSECONDS // 1000,
}
_MONTHS = {"year": 12, "month": 1}
_UCUM = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
_TIME_UNITS = frozenset({"hour", "minute", "second", "millisecond"})
_DAYS_IN_MONTH, _DAYS_IN_YEAR = 30, 365
_MAX_DAYS = date.max.toordinal()


def shift(value: Temporal, amount: Quantity, sign: int) -> Any:
    """Add a duration to a value, to the precision of the value; decimals count below minutes only.

    Returns:
        The moved value; None outside of the years 1 to 9999; NotImplemented for what is no
        duration: other units, and UCUM's ``a`` and ``mo``, which are no calendar years and months.
    """
    unit = CALENDAR_UNITS.get(amount.unit) or (
        None if amount.is_calendar else _UCUM.get(amount.unit)
    )
    if unit is None or (value.kind == "time" and unit not in _TIME_UNITS):
        return NotImplemented
    number = sign * amount.value
    if unit not in {"second", "millisecond"}:
        number = Decimal(int(number))
    if unit in _MONTHS:
        return _add_months(value, int(number) * _MONTHS[unit])
    return _add_nanoseconds(value, int(number * _NANOSECONDS[unit]))


def _add_months(value: Temporal, months: int) -> Temporal | None:
    """Move by months; the 31st becomes the last day of a shorter month."""
    first = date.fromordinal(value.days + 1)
    if value.precision == YEAR:
        months = _truncated(months, 12) * 12
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    if not date.min.year <= year <= date.max.year:
        return None
    day = min(first.day, days_in_month(year, month + 1))
    return replace(value, days=date(year, month + 1, day).toordinal() - 1)


def _add_nanoseconds(value: Temporal, amount: int) -> Temporal | None:
    if value.kind == "time":
        return _at(value, 0, (value.nanoseconds + _whole(value, amount)) % DAY_NS)
    if value.precision < DAY:
        days = _truncated(amount, DAY_NS)
        if value.precision == MONTH:
            return _add_months(value, _truncated(days, _DAYS_IN_MONTH))
        return _add_months(value, _truncated(days, _DAYS_IN_YEAR) * 12)
    days, nanoseconds = divmod(value.low + _whole(value, amount), DAY_NS)
    return _at(value, days, nanoseconds) if 0 <= days < _MAX_DAYS else None


def _whole(value: Temporal, amount: int) -> int:
    """Cut a duration to whole units of the value's precision; a second takes fractions."""
    unit = {DAY: DAY_NS, HOUR: 3600 * NANOSECONDS, MINUTE: 60 * NANOSECONDS}.get(value.precision, 1)
    return _truncated(amount, unit) * unit


def _at(value: Temporal, days: int, nanoseconds: int) -> Temporal:
    """Set day and time of day; a fraction that comes up is written to milliseconds at least."""
    rest = nanoseconds % NANOSECONDS
    if rest == 0 and value.precision < MILLISECOND:
        return replace(value, days=days, nanoseconds=nanoseconds)
    digits = max(len(value.fraction), 3)
    fraction = f"{rest:09}"[:digits]
    precision = MILLISECOND if value.precision >= SECOND else value.precision
    return replace(
        value, days=days, nanoseconds=nanoseconds, fraction=fraction, precision=precision
    )


def _truncated(number: int, unit: int) -> int:
    """Divide towards zero."""
    return number // unit if number >= 0 else -(-number // unit)
