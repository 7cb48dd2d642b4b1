"""Index values: what one resource says to each search parameter, in one shape for every backend.

They are tuples, not dataclasses, because a resource yields dozens on every write: a frozen dataclass
costs about four times as much to make.

Spec: https://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

OPEN_LOW = -(2**62)
"""Start of a period without start, in microseconds since 1970."""
OPEN_HIGH = 2**62
"""End of a period without end, in microseconds since 1970."""


class TokenValue(NamedTuple):
    """A code or identifier; ``system`` "" where there is none, ``code`` "" where only a system is."""

    parameter: str
    system: str
    code: str


class StringValue(NamedTuple):
    """A text: ``normal`` folded (case, accents, apostrophes) for the default match, ``exact`` as written."""

    parameter: str
    normal: str
    exact: str


class DateValue(NamedTuple):
    """An interval ``[low, high)`` in microseconds since 1970 UTC; a day is 24 hours of it."""

    parameter: str
    low: int
    high: int


class NumberValue(NamedTuple):
    """A number; also from integers and from both ends of a Range (``low`` <= ``high``)."""

    parameter: str
    low: Decimal
    high: Decimal


class QuantityValue(NamedTuple):
    """A quantity as written, one entry for code and one more where ``unit`` differs."""

    parameter: str
    system: str
    code: str
    low: Decimal
    high: Decimal


class ReferenceValue(NamedTuple):
    """A link: ``type``/``id`` of a local or relative one, ``url`` of any other (absolute, urn, canonical).

    ``identifier`` (a logical reference) is indexed as a token under ``parameter:identifier``.
    """

    parameter: str
    type: str
    id: str
    url: str


class UriValue(NamedTuple):
    """A uri, compared to the letter."""

    parameter: str
    uri: str


class PositionValue(NamedTuple):
    """A point on earth, degrees."""

    parameter: str
    latitude: Decimal
    longitude: Decimal


IndexValue = (
    TokenValue
    | StringValue
    | DateValue
    | NumberValue
    | QuantityValue
    | ReferenceValue
    | UriValue
    | PositionValue
)


class CompositeValue(NamedTuple):
    """One group of a composite parameter; component values are named ``parameter$0``, ``parameter$1`` …"""

    parameter: str
    components: tuple[IndexValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexValues:
    """Everything one resource is found by. Order means nothing; entries do not repeat."""

    tokens: Sequence[TokenValue] = field(default=())
    strings: Sequence[StringValue] = field(default=())
    dates: Sequence[DateValue] = field(default=())
    numbers: Sequence[NumberValue] = field(default=())
    quantities: Sequence[QuantityValue] = field(default=())
    references: Sequence[ReferenceValue] = field(default=())
    uris: Sequence[UriValue] = field(default=())
    positions: Sequence[PositionValue] = field(default=())
    composites: Sequence[CompositeValue] = field(default=())
