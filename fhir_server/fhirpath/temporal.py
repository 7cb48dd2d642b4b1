"""Dates, dateTimes and times that know how precise they are.

A partial value is an interval: ``2024-05`` is the whole of May. Comparison works on the ends of the
intervals, so that "not known" is an answer.

Spec: http://hl7.org/fhirpath/N1/#datetime and http://hl7.org/fhirpath/N1/#datetime-arithmetic
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

Kind = Literal["date", "dateTime", "time"]

YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLISECOND = 4, 6, 8, 10, 12, 14, 17
"""Precisions, as the digits that N1's ``precision()`` counts; a time has 8 less."""

NANOSECONDS = 1_000_000_000
_MINUTE_NS = 60 * NANOSECONDS
_HOUR_NS = 60 * _MINUTE_NS
DAY_NS = 24 * _HOUR_NS
_EASTMOST_NS = 14 * _HOUR_NS
_WESTMOST_NS = 12 * _HOUR_NS
_STEP_NS = {HOUR: _HOUR_NS, MINUTE: _MINUTE_NS, SECOND: 1, MILLISECOND: 1}

_MAX_MINUTE, _MAX_OFFSET = 59, 14 * 60
_TEXT = re.compile(
    r"""
    (?: (\d{4}) (?: -(\d\d) (?: -(\d\d) )? )? )?
    (?: T? (?: (?:(?<=T)|^) (\d\d) (?: :(\d\d) (?: :(\d\d) (?: \.(\d+) )? )? )? )?
        ( Z | [+-]\d\d:\d\d )? )?
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Temporal:
    """A date, dateTime or time.

    Attributes:
        kind: Which of the three.
        precision: `YEAR` … `MILLISECOND`; for times counted as if a date stood before.
        days: Days since 0001-01-01 (0 for times), first day of a partial date.
        nanoseconds: Time of day, its first instant where it is partial.
        fraction: Digits of the second's fraction as written.
        zone: Minutes east of UTC; None where none is given.
    """

    kind: Kind
    precision: int
    days: int
    nanoseconds: int
    fraction: str = ""
    zone: int | None = None

    @property
    def has_time(self) -> bool:
        """Whether an hour is given."""
        return self.precision >= HOUR

    @property
    def low(self) -> int:
        """First nanosecond it may mean, as local time, counted from 0001-01-01."""
        return self.days * DAY_NS + self.nanoseconds

    @property
    def high(self) -> int:
        """Last nanosecond it may mean, as local time."""
        if self.has_time:
            return self.low + _STEP_NS[self.precision] - 1
        return (self.days + self._day_count()) * DAY_NS - 1

    def _day_count(self) -> int:
        if self.precision == DAY:
            return 1
        first = date.fromordinal(self.days + 1)
        if self.precision == MONTH:
            return days_in_month(first.year, first.month)
        return 366 if days_in_month(first.year, 2) == _LEAP_FEBRUARY else 365

    def __str__(self) -> str:
        """Write it as FHIR does, without ``@`` and without the ``T`` of times."""
        if self.kind == "time":
            return self._time()
        day = date.fromordinal(self.days + 1)
        text = f"{day.year:04}-{day.month:02}-{day.day:02}"
        if not self.has_time:
            return text[: {YEAR: 4, MONTH: 7, DAY: 10}[self.precision]]
        return f"{text}T{self._time()}{_zone_text(self.zone)}"

    def _time(self) -> str:
        seconds = self.nanoseconds // NANOSECONDS
        text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        if self.precision < MILLISECOND:
            return text[: {HOUR: 2, MINUTE: 5, SECOND: 8}[self.precision]]
        return f"{text}.{self.fraction}"


_LEAP_FEBRUARY = 29


def _zone_text(zone: int | None) -> str:
    if zone is None:
        return ""
    if zone == 0:
        return "Z"
    return f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}:{abs(zone) % 60:02}"


def days_in_month(year: int, month: int) -> int:
    """Return the length of a month."""
    if month == 2:  # noqa: PLR2004 # February
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


@lru_cache(maxsize=4096)
def temporal(kind: Kind, text: str) -> Temporal | None:
    """Read ``2024-05``, ``2024-05-01T10:00+03:00`` or ``10:30:00.5``; None: it is none."""
    if kind != "time" and (usual := _usual(kind, text)) is not None:
        return usual
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    is_time = kind == "time"
    wrong_part = (year is not None or zone is not None) if is_time else year is None
    if wrong_part or (kind == "date" and "T" in text) or (is_time and hour is None):
        return None
    if hour is None and zone is not None:
        return None
    try:
        days = 0 if is_time else date(int(year), int(month or 1), int(day or 1)).toordinal() - 1
    except ValueError:
        return None
    nanoseconds = _time_of_day(hour, minute, second, fraction)
    minutes = _zone_minutes(zone)
    if nanoseconds is None or (minutes is not None and abs(minutes) > _MAX_OFFSET):
        return None
    parts = (year or is_time, month or is_time, day or is_time, hour, minute, second, fraction)
    precision = (YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLISECOND)[
        sum(1 for part in parts if part) - 1
    ]
    return Temporal(kind, precision, days, nanoseconds, fraction or "", minutes)


_LENGTH_OF_DATE, _LENGTH_IN_UTC, _LENGTH_WITH_ZONE = 10, 20, 25


def _usual(kind: Kind, text: str) -> Temporal | None:
    """Read a whole date or a dateTime to the second, as most are, in a third of the time."""
    length = len(text)
    if text[4:5] != "-" or text[7:8] != "-":
        return None
    try:
        if length == _LENGTH_OF_DATE:
            return Temporal(kind, DAY, date.fromisoformat(text).toordinal() - 1, 0)
        is_usual = (length == _LENGTH_WITH_ZONE and text[22] == ":" and text[19] in "+-") or (
            length == _LENGTH_IN_UTC and text[19] == "Z"
        )
        if not is_usual or kind == "date" or f"{text[10]}{text[13]}{text[16]}" != "T::":
            return None
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    minutes = _zone_minutes(text[19:])
    if minutes is None or abs(minutes) > _MAX_OFFSET:
        return None
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return Temporal(kind, SECOND, moment.toordinal() - 1, seconds * NANOSECONDS, zone=minutes)


def _time_of_day(
    hour: str | None, minute: str | None, second: str | None, fraction: str | None
) -> int | None:
    """Nanoseconds since midnight; a leap second counts as the second before it."""
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    if hours > 23 or minutes > _MAX_MINUTE or seconds > _MAX_MINUTE + 1:  # noqa: PLR2004 # clock
        return None
    total = hours * 3600 + minutes * 60 + min(seconds, _MAX_MINUTE)
    return total * NANOSECONDS + (int(fraction[:9].ljust(9, "0")) if fraction else 0)


def _zone_minutes(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def compare(left: Temporal, right: Temporal) -> int | None:
    """Order two values: negative, 0, positive; None where their precision leaves it open.

    A value without time zone may stand anywhere from UTC-12 to UTC+14 beside one that has a zone.
    The caller has made sure that both are times or both are not.
    """
    if left.precision == right.precision == DAY:
        return (left.days > right.days) - (left.days < right.days)
    left_low, left_high, right_low, right_high = left.low, left.high, right.low, right.high
    if left.has_time and right.has_time and left.kind != "time":
        if left.zone is None and right.zone is not None:
            left_low, left_high = left_low - _EASTMOST_NS, left_high + _WESTMOST_NS
        elif left.zone is not None:
            shift = left.zone * _MINUTE_NS
            left_low, left_high = left_low - shift, left_high - shift
        if right.zone is None and left.zone is not None:
            right_low, right_high = right_low - _EASTMOST_NS, right_high + _WESTMOST_NS
        elif right.zone is not None:
            shift = right.zone * _MINUTE_NS
            right_low, right_high = right_low - shift, right_high - shift
    if left_high < right_low:
        return -1
    if left_low > right_high:
        return 1
    is_exact = left_low == right_low and left_high == right_high
    return 0 if is_exact and (left.zone is None) == (right.zone is None) else None
