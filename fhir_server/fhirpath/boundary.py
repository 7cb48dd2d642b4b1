"""The interval that a value of limited precision stands for.

Spec: https://build.fhir.org/ig/HL7/FHIRPath/ (``lowBoundary``, ``highBoundary``, ``precision``)
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
)
from fhir_server.fhirpath.ucum import WIDE

_DEFAULT_DIGITS, _MAX_DIGITS = 8, 31
_EASTMOST, _WESTMOST = 14 * 60, -12 * 60
_TIME_DIGITS = 8
"""Digits of the date before a time: precisions of times are counted without them."""

_MILLISECOND_NS = 1_000_000


def low_boundary(value: Any, precision: int | None) -> Any:
    """Return the least value that ``value`` may mean, to ``precision`` digits, or None."""
    return _boundary(value, precision, is_high=False)


def high_boundary(value: Any, precision: int | None) -> Any:
    """Return the greatest value that ``value`` may mean, to ``precision`` digits, or None."""
    return _boundary(value, precision, is_high=True)


def precision_of(value: Any) -> int | None:
    """Count the digits behind a number's point, or those of the parts that a date or time has."""
    if isinstance(value, Temporal):
        digits = value.precision
        return digits - _TIME_DIGITS if value.kind == "time" else digits
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        exponent = Decimal(value).as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else None
    return None


def _boundary(value: Any, precision: int | None, *, is_high: bool) -> Any:
    if isinstance(value, Quantity):
        number = _number(value.value, precision, is_high=is_high)
        return None if number is None else Quantity(number, value.unit, value.is_calendar)
    if isinstance(value, Temporal):
        return _temporal(value, precision, is_high=is_high)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _number(Decimal(value), precision, is_high=is_high)
    return None


def _number(value: Decimal, precision: int | None, *, is_high: bool) -> Decimal | None:
    """Half a unit of the last digit away; cut, or rounded where that leads away from zero."""
    digits = _DEFAULT_DIGITS if precision is None else precision
    exponent = value.as_tuple().exponent
    if not 0 <= digits <= _MAX_DIGITS or not isinstance(exponent, int):
        return None
    half = Decimal(5).scaleb(min(exponent, 0) - 1)
    edge = value + half if is_high else value - half
    leads_away = is_high == (value >= 0)
    rounding = "ROUND_HALF_UP" if leads_away else "ROUND_DOWN"
    rounded = edge.quantize(Decimal(1).scaleb(-digits), rounding=rounding, context=WIDE)
    return abs(rounded) if rounded == 0 else rounded


def _temporal(value: Temporal, precision: int | None, *, is_high: bool) -> Temporal | None:
    wanted = _precision(value, precision)
    if wanted is None:
        return None
    days, nanoseconds = divmod(value.high if is_high else value.low, DAY_NS)
    if value.precision < MILLISECOND:
        nanoseconds = nanoseconds // _MILLISECOND_NS * _MILLISECOND_NS
        if is_high and value.precision == SECOND:
            nanoseconds += NANOSECONDS - _MILLISECOND_NS
    edge = replace(
        value,
        precision=wanted,
        days=days,
        nanoseconds=nanoseconds,
        fraction=f"{nanoseconds % NANOSECONDS // _MILLISECOND_NS:03}",
    )
    if edge.has_time and value.kind == "dateTime" and value.zone is None:
        edge = replace(edge, zone=_WESTMOST if is_high else _EASTMOST)
    return _cut(edge)


def _precision(value: Temporal, precision: int | None) -> int | None:
    """The precision as `Temporal` counts; None: the kind has no such precision."""
    if value.kind == "time":
        digits = MILLISECOND if precision is None else precision + _TIME_DIGITS
        return digits if digits in {HOUR, MINUTE, SECOND, MILLISECOND} else None
    if value.kind == "date":
        digits = DAY if precision is None else precision
        return digits if digits in {YEAR, MONTH, DAY} else None
    digits = MILLISECOND if precision is None else precision
    return digits if digits in {YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLISECOND} else None


def _cut(value: Temporal) -> Temporal:
    """Drop what lies below the precision."""
    if not value.has_time:
        day = date.fromordinal(value.days + 1)
        first = day.replace(
            month=day.month if value.precision >= MONTH else 1,
            day=day.day if value.precision >= DAY else 1,
        )
        return replace(value, days=first.toordinal() - 1, nanoseconds=0, fraction="", zone=None)
    steps = {HOUR: 3600, MINUTE: 60, SECOND: 1}
    if value.precision in steps:
        step = steps[value.precision] * NANOSECONDS
        return replace(value, nanoseconds=value.nanoseconds // step * step, fraction="")
    return value
