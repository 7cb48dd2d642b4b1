"""Dates: everything that lies in time, compared as intervals.

Spec: https://hl7.org/fhir/R4/search.html#date
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from fhir_server.search.clause import Question, unescape
from fhir_server.search.filter import OVERLAPS
from fhir_server.search.gathered import Gathered, IndexOptions, Writer
from fhir_server.search.moments import Interval, interval
from fhir_server.search.params.prefix import split_prefix
from fhir_server.search.tree import DateMatch, DateTerm, Node
from fhir_server.search.values import OPEN_HIGH, OPEN_LOW, DateValue

MODIFIERS: tuple[str, ...] = ()
_POINTS = frozenset({"date", "dateTime", "instant"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def writer(parameter: str, fhir_type: str, _: IndexOptions) -> Writer | None:
    """Return what indexes values of ``fhir_type``; None: the type lies in no time."""
    if fhir_type in _POINTS:
        return _point_writer(parameter)
    if fhir_type == "Period":
        return _period_writer(parameter)
    return _timing_writer(parameter) if fhir_type == "Timing" else None


def _point_writer(parameter: str) -> Writer:
    def write(value: Any, into: Gathered) -> None:
        if value.__class__ is str:
            found = interval(value)
            if found is not None:
                into.found.append(DateValue(parameter, found[0], found[1]))

    return write


def _period_writer(parameter: str) -> Writer:
    def write(value: Any, into: Gathered) -> None:
        found = _period(value)
        if found is not None:
            into.found.append(DateValue(parameter, found[0], found[1]))

    return write


def _period(value: Any) -> Interval | None:
    """A missing start or end is open; a period without either says nothing."""
    start, end = value.get("start"), value.get("end")
    low = interval(start) if start.__class__ is str else None
    high = interval(end) if end.__class__ is str else None
    if low is None and high is None:
        return None
    return Interval(OPEN_LOW if low is None else low.low, OPEN_HIGH if high is None else high.high)


def _timing_writer(parameter: str) -> Writer:
    """Only the outer limits of a timing matter, not what it repeats in between."""

    def write(value: Any, into: Gathered) -> None:
        limits = list(_limits(value))
        if limits:
            low, high = min(x.low for x in limits), max(x.high for x in limits)
            into.found.append(DateValue(parameter, low, high))

    return write


def _limits(timing: Any) -> Iterator[Interval]:
    for event in timing.get("event") or ():
        found = interval(event) if event.__class__ is str else None
        if found is not None:
            yield found
    bounds = (timing.get("repeat") or {}).get("boundsPeriod")
    if bounds is not None:
        period = _period(bounds)
        if period is not None:
            yield period


def match(question: Question) -> Node:
    """Read dates of any precision, with prefixes."""
    return DateMatch(
        parameter=question.parameter,
        values=tuple(_term(question, unescape(value)) for value in question.alternatives),
    )


def _term(question: Question, value: str) -> DateTerm:
    prefix, text = split_prefix(value)
    found = interval(text)
    if found is None:
        raise question.refuse("search-date-invalid", found=value)
    if question.modifier == OVERLAPS:
        prefix = "ap"
    elif prefix == "ap":
        found = _about(found, (question.scope.now - _EPOCH) // _MICROSECOND)
    return DateTerm(prefix, found.low, found.high)


def _about(found: Interval, now: int) -> Interval:
    """Widen by a tenth of the distance from now, as the specification recommends."""
    slack = max(abs(now - found.low), abs(now - found.high)) // 10
    return Interval(found.low - slack, found.high + slack)
