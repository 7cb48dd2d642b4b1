"""The parts of a date or time, as far as it is precise.

Spec: https://hl7.org/fhirpath/#date-time-component-functions (STU)
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from fhir_server.fhirpath.functions.registry import WHOLE, Function, Takes, scalar
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.temporal import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    MONTH,
    NANOSECONDS,
    SECOND,
    YEAR,
    Temporal,
)
from fhir_server.fhirpath.value import plain

_SPEC = "STU date and time components"


def _read(item: Node) -> Temporal | None:
    value = plain(item)
    if value is None or isinstance(value, Temporal):
        return value
    raise ValueError


_TEMPORAL = Takes("Date, DateTime, Time", _read)


def _part(
    name: str, precision: int, read: Callable[[Temporal], Any], result: str | None = WHOLE
) -> Function:
    """Make a function that is empty where the value does not say so much."""

    @scalar(name, spec=_SPEC, takes=_TEMPORAL, result=result)
    def part(value: Temporal) -> Any:
        has_date = value.kind != "time"
        if value.precision < precision or (precision <= DAY and not has_date):
            return None
        return read(value)

    return part


def _day(value: Temporal) -> date:
    return date.fromordinal(value.days + 1)


def _date(value: Temporal) -> Temporal:
    midnight = replace(value, kind="date", nanoseconds=0, fraction="", zone=None)
    return replace(midnight, precision=min(value.precision, DAY))


def _zone(value: Temporal) -> Decimal | None:
    return None if value.zone is None else Decimal(value.zone) / 60


def _millisecond(value: Temporal) -> int:
    return value.nanoseconds % NANOSECONDS // 1_000_000


year = _part("yearOf", YEAR, lambda value: _day(value).year)
month = _part("monthOf", MONTH, lambda value: _day(value).month)
day = _part("dayOf", DAY, lambda value: _day(value).day)
hour = _part("hourOf", HOUR, lambda value: value.nanoseconds // NANOSECONDS // 3600)
minute = _part("minuteOf", MINUTE, lambda value: value.nanoseconds // NANOSECONDS // 60 % 60)
second = _part("secondOf", SECOND, lambda value: value.nanoseconds // NANOSECONDS % 60)
millisecond = _part("millisecondOf", MILLISECOND, _millisecond)
zone = _part("timezoneOffsetOf", HOUR, _zone, result="System.Decimal")
date_part = _part("dateOf", YEAR, _date, result="System.Date")
time_part = _part(
    "timeOf", HOUR, lambda value: replace(value, kind="time", days=0, zone=None), "System.Time"
)
