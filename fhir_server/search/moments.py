"""Partial dates and times as intervals: ``2024-05`` is the whole of May.

Intervals are half open, in microseconds since 1970 UTC. A time without offset, and a date, are
taken as UTC: the specification leaves it to the server, and one that holds records of several time
zones has no better guess.

Spec: https://hl7.org/fhir/R4/search.html#date
"""

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

_TEXT = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(Z|[+ -][0-9]{2}:[0-9]{2})?)?)?)?"
)
_EPOCH = date(1970, 1, 1).toordinal()
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_DAY = 24 * 60 * _MINUTE
_MICROSECOND_DIGITS = 6


class Interval(NamedTuple):
    """``[low, high)`` in microseconds since 1970 UTC."""

    low: int
    high: int


def interval(text: str) -> Interval | None:
    """Return what a date, dateTime or instant of any precision covers; None: it is none.

    A blank before the offset is taken for the ``+`` that a form decoder made a blank of.
    """
    return _known_interval(text) if len(text) <= _USUAL else _read(text)


def _read(text: str) -> Interval | None:
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        if hour is None:
            return _days(int(year), month, day)
        low = (date(int(year), int(month), int(day)).toordinal() - _EPOCH) * _DAY
    except ValueError:
        return None
    clock = _clock(int(hour), int(minute), second, fraction)
    if clock is None:
        return None
    low -= _offset(offset)
    return Interval(low + clock.low, low + clock.high)


def _days(year: int, month: str | None, day: str | None) -> Interval:
    """Raises ValueError where there is no such day."""
    if day is not None:
        first = date(year, int(month or ""), int(day)).toordinal()
        last = first
    elif month is not None:
        first = date(year, int(month), 1).toordinal()
        last = first + _days_in_month(year, int(month)) - 1
    else:
        first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    return Interval((first - _EPOCH) * _DAY, (last - _EPOCH + 1) * _DAY)


def _days_in_month(year: int, month: int) -> int:
    if month == 12:  # noqa: PLR2004 # the year 10000 has no date
        return 31
    return date(year, month + 1, 1).toordinal() - date(year, month, 1).toordinal()


def _clock(hour: int, minute: int, second: str | None, fraction: str | None) -> Interval | None:
    """The interval within its day; None: no clock shows it."""
    if hour > 23 or minute > 59 or (second is not None and int(second) > 60):  # noqa: PLR2004 # a clock
        return None
    low = (hour * 60 + minute) * _MINUTE
    if second is None:
        return Interval(low, low + _MINUTE)
    low += int(second) * _SECOND
    if fraction is None:
        return Interval(low, low + _SECOND)
    digits = fraction[:_MICROSECOND_DIGITS]
    unit = 10 ** (_MICROSECOND_DIGITS - len(digits))
    low += int(digits) * unit
    return Interval(low, low + unit)


def _offset(offset: str | None) -> int:
    if offset is None or offset == "Z":
        return 0
    minutes = int(offset[1:3]) * 60 + int(offset[4:6])
    return (-minutes if offset[0] == "-" else minutes) * _MINUTE


_USUAL = 40
"""Characters of a text that is kept: clients must not fill the memory."""
_known_interval = lru_cache(maxsize=4096)(_read)  # records of one visit are of one day
