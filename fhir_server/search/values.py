"""Index values: what one resource says to each search parameter, in one shape for every backend.

They are tuples, not dataclasses, because a resource yields dozens on every write: a frozen
dataclass costs about four times as much to make.

Besides ``code``, the parameter's own name, values are filed under names derived from it. They are
parameters like any other to a store; the parser asks for them by the same name:

===================  ======================================================================
``code:text``        strings: display and text of a token (``:text``)
``code:identifier``  tokens: the identifier of a logical reference (``:identifier``)
``code:of-type``     tokens: an identifier's type; code is ``type code|value`` (``:of-type``)
``code:ucum``        quantities: in canonical units, system UCUM, so that 1 g is found by 1000 mg
``code:Type.other``  any kind: parameter ``other`` of a contained resource that ``code`` refers to
``_contained``       tokens: type (as system) and id of each contained resource
``_contained:T.o``   any kind: parameter ``o`` of any contained resource of type ``T``
``code$0``           components of a composite; never outside of `CompositeValue`
===================  ======================================================================

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


LEAST = Decimal("-1E+100")
"""Low end of a range without one; every number that can be stored is greater."""
MOST = Decimal("1E+100")
"""High end of a range without one; every number that can be stored is less."""

NOWHERE = "#"
"""``ReferenceValue.url`` of a reference that no search can name: contained or without link.

It is there for ``:missing`` alone, as is a `TokenValue` with neither system nor code.
"""


class TokenValue(NamedTuple):
    """A code or identifier; ``system`` "" where there is none, ``code`` "" where only a system is.

    Both "" : the element is there, with nothing but a text.
    """

    parameter: str
    system: str
    code: str


class StringValue(NamedTuple):
    """A text: ``normal`` folded (case, accents, apostrophes), ``exact`` as written."""

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
    """A quantity as written; one more entry, without system, where ``unit`` is not the code."""

    parameter: str
    system: str
    code: str
    low: Decimal
    high: Decimal


class ReferenceValue(NamedTuple):
    """A link: ``type``/``id`` of a local one, ``url`` of any other (absolute, urn, canonical).

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
    """One group of a composite; its values are named ``parameter$0``, ``parameter$1`` and so on.

    A component may have several values (two codings), and each component has at least one.
    """

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
