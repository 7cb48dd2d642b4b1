"""Dates and times in parameters, as the interval their precision means.

Spec: https://hl7.org/fhir/R4/search.html#date
"""

import re
from datetime import UTC, datetime, timedelta

from fhir_server.model import InvalidRequest

_PARTS = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    r"(Z|[+-]\d\d:\d\d)?)?)?)?"
)


def parse_interval(parameter: str, text: str) -> tuple[datetime, datetime]:
    """Return ``[low, high)`` in UTC; without an offset the text means UTC.

    Args:
        parameter: Its name, for the refusal.
        text: A date or dateTime. A blank before an offset is a ``+`` that was not escaped.

    Raises:
        InvalidRequest: It is none.
    """
    match = _PARTS.fullmatch(text.replace(" ", "+"))
    if match is None:
        raise InvalidRequest.of("moment-syntax", parameter=parameter, found=text)
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        low = datetime.fromisoformat(
            f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}"
            f".{(fraction or '0')[:6]:0<6}{_offset(offset)}"
        ).astimezone(UTC)
        if day is None:
            return low, _next_month_or_year(low, month)
        return low, low + _width(hour, second, fraction)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest.of("moment-syntax", parameter=parameter, found=text) from error


def _offset(offset: str | None) -> str:
    return "+00:00" if offset in {None, "Z"} else str(offset)


def _next_month_or_year(low: datetime, month: str | None) -> datetime:
    if month is None:
        return low.replace(year=low.year + 1)
    return low.replace(year=low.year + low.month // 12, month=low.month % 12 + 1)


def _width(hour: str | None, second: str | None, fraction: str | None) -> timedelta:
    if hour is None:
        return timedelta(days=1)
    if second is None:
        return timedelta(minutes=1)
    return timedelta(seconds=1) if fraction is None else timedelta(milliseconds=1)
