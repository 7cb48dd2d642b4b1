"""Two conditions on one date, such as ``ge`` and ``lt``, read off the index together.

Each condition alone may match half of all resources. A single short value that satisfies both lies
between them; for several values, or a long one, the row that spans them all (`date_span`) does. So
both kinds are found in a bounded range, which holds all matches and some more: the conditions
themselves are still tested on each.

Spec: https://hl7.org/fhir/R4/search.html#combining
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fhir_server.search import OPEN_HIGH, OPEN_LOW, DateMatch, DateTerm, Node
from fhir_server.storage.sqlite import schema
from fhir_server.storage.sqlite.conditions import EMPTY
from fhir_server.storage.sqlite.date_span import SHORT_US, span_name
from fhir_server.storage.sqlite.fragment import Fragment, union
from fhir_server.storage.sqlite.ranges import Range, RangeFinder


class Window(NamedTuple):
    """What every match lies in: it ends at or after ``low`` and starts at or before ``high``."""

    parameter: str
    low: int
    high: int


def windows(parts: Sequence[Node]) -> Iterator[Window]:
    """Yield the window of each date parameter that the parts bound on both ends."""
    by_parameter: dict[str, list[tuple[int, int]]] = {}
    for part in parts:
        if isinstance(part, DateMatch) and len(part.values) == 1:
            by_parameter.setdefault(part.parameter, []).append(_bounds(part.values[0]))
    for parameter, bounds in by_parameter.items():
        window = Window(parameter, max(low for low, _ in bounds), min(high for _, high in bounds))
        if len(bounds) > 1 and window.low > OPEN_LOW and window.high < OPEN_HIGH:
            yield window


def members(window: Window, finder: RangeFinder, resource_type: str) -> Fragment:
    """Return a query for the numbers of all resources that may match, and some that do not."""
    ends_late = Fragment("{row}.high >= ?", (window.low,))
    ranges = []
    param = finder.parameter(schema.DATE, resource_type, window.parameter)
    if param is not None:
        start, end = (">=", window.low - SHORT_US), ("<=", window.high)
        ranges.append(Range(schema.DATE, (("param", param),), "low", start, end, ends_late))
    param = finder.parameter(schema.DATE, resource_type, span_name(window.parameter))
    if param is not None:
        end = ("<=", window.high)
        ranges.append(Range(schema.DATE, (("param", param),), "low", None, end, ends_late))
    if not ranges:
        return EMPTY
    found = [(one, one.holds("d")) for one in ranges]
    return union(
        Fragment(f"SELECT d.res AS res FROM {one.table.name} AS d WHERE {where.text}", where.values)
        for one, where in found
    )


def _bounds(term: DateTerm) -> tuple[int, int]:
    """Return what the end of a matching value reaches, and what its start does not pass."""
    prefix, low, high = term
    return {
        "eq": (low, high),
        "ne": (OPEN_LOW, OPEN_HIGH),
        "gt": (high, OPEN_HIGH),
        "ge": (low, OPEN_HIGH),
        "sa": (high, OPEN_HIGH),
        "lt": (OPEN_LOW, low),
        "le": (OPEN_LOW, high),
        "eb": (OPEN_LOW, low),
        "ap": (low, high),
    }[prefix]
