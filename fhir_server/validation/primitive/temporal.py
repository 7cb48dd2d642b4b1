"""Scanners for dates and times: form, calendar and time zone.

Spec: https://hl7.org/fhir/R4/datatypes.html#date, #dateTime, #instant, #time
"""

import re
from calendar import monthrange
from typing import Any

from fhir_server.model import json_kind
from fhir_server.validation.finding import Finding

_DATE = r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01]))?)?"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_DAY = r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"

_DATE_FORM = re.compile(_DATE)
_DATE_TIME_FORM = re.compile(f"{_DATE}|{_DAY}T{_CLOCK}{_ZONE}")
_INSTANT_FORM = re.compile(f"{_DAY}T{_CLOCK}{_ZONE}")
_TIME_FORM = re.compile(_CLOCK)
_ZONELESS = re.compile(f"{_DAY}T{_CLOCK}")
_EVERYDAY = re.compile(r"([0-3]?[0-9])[./]([01]?[0-9])[./]([0-9]{4})")
_UNPADDED = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_SAFE_DAY = "28"
_MONTHS = 12


def scan_date(value: Any) -> Finding | None:
    """Year, month or day that is in the calendar."""
    if value.__class__ is not str:
        return wrong_json(value, "date", "string")
    form = _DATE_FORM.fullmatch(value)
    if form is None:
        return _malformed(value, "date", "2024-05-17")
    return _calendar(value, form[1], form[2], form[3])


def scan_date_time(value: Any) -> Finding | None:
    """A date, or a day with time and zone; seconds are required, 24:00 is not allowed."""
    if value.__class__ is not str:
        return wrong_json(value, "dateTime", "string")
    form = _DATE_TIME_FORM.fullmatch(value)
    if form is None:
        return _malformed(value, "dateTime", "2024-05-17T09:30:00+03:00")
    return _calendar(value, form[1] or form[4], form[2] or form[5], form[3] or form[6])


def scan_instant(value: Any) -> Finding | None:
    """A moment known at least to the second, with zone."""
    if value.__class__ is not str:
        return wrong_json(value, "instant", "string")
    form = _INSTANT_FORM.fullmatch(value)
    if form is None:
        return _malformed(value, "instant", "2024-05-17T09:30:00.000+03:00")
    return _calendar(value, form[1], form[2], form[3])


def scan_time(value: Any) -> Finding | None:
    """A time of day without zone."""
    if value.__class__ is not str:
        return wrong_json(value, "time", "string")
    if _TIME_FORM.fullmatch(value) is None:
        return _malformed(value, "time", "09:30:00")
    return None


def wrong_json(value: Any, fhir_type: str, expected: str) -> Finding:
    """Report a JSON value of the wrong kind, such as a number where a string belongs."""
    return Finding(
        "primitive-json-type", found=json_kind(value), expected=expected, fhir_type=fhir_type
    )


def _calendar(value: str, year: str, month: str | None, day: str | None) -> Finding | None:
    if year == "0000":
        return Finding("date-not-in-calendar", found=value, expected="0001 … 9999")
    if day is None or month is None or day <= _SAFE_DAY:
        return None
    last = monthrange(int(year), int(month))[1]
    if int(day) <= last:
        return None
    return Finding("date-not-in-calendar", found=value, expected=f"{year}-{month}-{last}")


def _malformed(value: str, fhir_type: str, example: str) -> Finding:
    if fhir_type != "date" and _ZONELESS.fullmatch(value) is not None:
        return Finding("time-zone-missing", found=value, expected=f"{value}+03:00")
    if fhir_type == "date" and _INSTANT_FORM.fullmatch(value) is not None:
        day = value.partition("T")[0]
        return Finding("date-with-time", found=value, expected=day, suggestions=(day,))
    padded = _padded(value)
    suggestions = _from_everyday(value) if padded is None else (padded,)
    finding = Finding(
        "primitive-syntax",
        found=value,
        expected=example,
        fhir_type=fhir_type,
        suggestions=suggestions,
    )
    if len(suggestions) == 1 and fhir_type != "instant" and _is_certain(value):
        finding.mend = ("replace", suggestions[0])
    return finding


def _is_certain(value: str) -> bool:
    """Say whether an everyday date means one day: no month is greater than 12."""
    form = _EVERYDAY.fullmatch(value)
    return form is None or int(form[1]) > _MONTHS


def _padded(value: str) -> str | None:
    """Write ``2024-1-5`` with the zeros that it lacks, if that makes a day of the calendar."""
    form = _UNPADDED.fullmatch(value.strip())
    if form is None:
        return None
    day = f"{form[1]}-{int(form[2]):02}-{int(form[3]):02}"
    is_day = day != value and _DATE_FORM.fullmatch(day) is not None
    return day if is_day and scan_date(day) is None else None


def _from_everyday(value: str) -> tuple[str, ...]:
    """Turn ``17.05.2024`` around; ``05/06/2024`` may mean two days, both are offered."""
    form = _EVERYDAY.fullmatch(value)
    if form is None:
        return ()
    first, second, year = int(form[1]), int(form[2]), int(form[3])
    pairs = [(second, first)] if "." in value else [(second, first), (first, second)]
    turned = (f"{year:04}-{month:02}-{day:02}" for month, day in dict.fromkeys(pairs))
    return tuple(text for text in turned if scan_date(text) is None)
