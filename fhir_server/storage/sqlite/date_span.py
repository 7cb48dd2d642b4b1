"""A further row for dates that no window around one value finds: what all its values span.

Kept for resources with several values of a date parameter, or a long one, under a name of its own,
so that sorting and ``:missing`` do not see it.
"""

from collections.abc import Iterable

from fhir_server.search import DateValue

SHORT_US = 86_400_000_000
"""A single value up to a day is found by its own row, microseconds."""


def spans(values: Iterable[DateValue]) -> list[DateValue]:
    """Return a span for each parameter with several values or a long one."""
    by_parameter: dict[str, list[DateValue]] = {}
    for value in values:
        by_parameter.setdefault(value.parameter, []).append(value)
    return [
        DateValue(span_name(parameter), low, high)
        for parameter, found in by_parameter.items()
        for low, high in [(min(v.low for v in found), max(v.high for v in found))]
        if len(found) > 1 or high - low > SHORT_US
    ]


def span_name(parameter: str) -> str:
    """Return the name the spans of a parameter are kept under; no parameter has it."""
    return f"{parameter}~"
