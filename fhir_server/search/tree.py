"""The search tree: what a query asks, known to no backend. Parsed once, rewritten, then generated.

Every leaf names a parameter by its code and compares with the index values of the same name. Within
one leaf the ``values`` are alternatives (FHIR's comma); leaves of one ``And`` all hold.

Spec: https://hl7.org/fhir/R4/search.html
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

from fhir_server.model import LogicalId, ResourceType

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]


class TokenTerm(NamedTuple):
    """``system`` None: any system; "": no system. ``code`` None: any code of the system."""

    system: str | None
    code: str | None


class DateTerm(NamedTuple):
    """The searched interval ``[low, high)`` in microseconds since 1970 UTC.

    One indexed interval ``v`` satisfies the term where, by prefix (search.html#prefix):

    ======  ==============================================================
    eq      ``v`` lies within: ``low <= v.low and v.high <= high``
    ne      it does not lie within
    gt      ``v.high > high``
    lt      ``v.low < low``
    ge      ``v.high > high`` or it lies within
    le      ``v.low < low`` or it lies within
    sa      ``v.low >= high``
    eb      ``v.high <= low``
    ap      they overlap: ``v.low < high and v.high > low`` (the parser widened the interval)
    ======  ==============================================================

    A resource without a value satisfies none of them, ``ne`` included.
    """

    prefix: Prefix
    low: int
    high: int


class NumberTerm(NamedTuple):
    """``[low, high)`` is the interval the written precision implies; ``value`` the number itself.

    Only eq, ne and ap look at the precision. One indexed ``v`` (``v.low == v.high`` but for ranges
    and comparators) satisfies the term where, by prefix:

    ======  ==============================================================
    eq      ``low <= v.low and v.high < high``
    ne      it does not
    gt, sa  ``v.high > value``, ``v.low > value``
    lt, eb  ``v.low < value``, ``v.high < value``
    ge, le  ``v.high >= value``, ``v.low <= value``
    ap      ``v.low < high and v.high >= low`` (the parser widened the interval)
    ======  ==============================================================
    """

    prefix: Prefix
    value: Decimal
    low: Decimal
    high: Decimal


class QuantityTerm(NamedTuple):
    """A number with unit; ``system`` and ``code`` None: any."""

    number: NumberTerm
    system: str | None
    code: str | None


class ReferenceTerm(NamedTuple):
    """``type`` "" : any type with that id; ``url`` set: an absolute or canonical link instead."""

    type: str
    id: str
    url: str


class NearTerm(NamedTuple):
    """A circle on earth: degrees of its middle, and how far it reaches along the great circle."""

    latitude: float
    longitude: float
    distance_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMatch:
    """A token is one of ``values``."""

    parameter: str
    values: tuple[TokenTerm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StringMatch:
    """``exact`` compares the text as written, the other modes normalised text.

    ``equal`` and ``suffix`` are what ``_filter`` calls ``eq`` and ``ew``.
    """

    parameter: str
    mode: Literal["prefix", "contains", "exact", "equal", "suffix"]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DateMatch:
    """Intervals compared by prefix (search.html#prefix); ``_lastUpdated`` is one like any other."""

    parameter: str
    values: tuple[DateTerm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberMatch:
    """Numbers compared by prefix."""

    parameter: str
    values: tuple[NumberTerm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityMatch:
    """Quantities compared by prefix and unit."""

    parameter: str
    values: tuple[QuantityTerm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceMatch:
    """A reference goes to one of ``values``."""

    parameter: str
    values: tuple[ReferenceTerm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UriMatch:
    """``below``: the indexed uri is the value or goes on from it with whole segments.

    ``above`` is the other way round. A canonical with version is indexed with and without it, so
    both are found by ``exact``.
    """

    parameter: str
    mode: Literal["exact", "below", "above"]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeMatch:
    """One group satisfies every part; the parts name ``parameter$0``, ``parameter$1`` and so on.

    ``values`` are alternatives, each a tuple of leaves, one per component. A part holds where any
    one value of the group does.
    """

    parameter: str
    values: tuple[tuple["Leaf", ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The parameter has no index value at all (``is_missing``) or at least one."""

    parameter: str
    is_missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IdMatch:
    """``_id`` is one of ``values``."""

    values: tuple[LogicalId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMatch:
    """A position lies within one of the circles; the earth is a sphere of 6,371,008.8 m radius."""

    parameter: str
    values: tuple[NearTerm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeMatch:
    """The resource's own type is one of ``values``, in a search over several types."""

    values: tuple[ResourceType, ...]


Leaf = (
    TokenMatch
    | StringMatch
    | DateMatch
    | NumberMatch
    | QuantityMatch
    | ReferenceMatch
    | UriMatch
    | CompositeMatch
    | NearMatch
    | Missing
    | IdMatch
    | TypeMatch
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """``parameter`` refers to a current resource of ``target_type`` for which ``where`` holds."""

    parameter: str
    target_type: ResourceType
    where: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """A current ``source_type`` refers here by ``parameter``, and ``where`` holds for it."""

    source_type: ResourceType
    parameter: str
    where: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class And:
    """All hold; none at all: everything matches."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or:
    """At least one holds; none at all: nothing matches."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The part does not hold (also where the parameter has no value: FHIR's ``:not``)."""

    part: "Node"


Node = Leaf | Chain | Has | And | Or | Not

EVERYTHING = And(parts=())
NOTHING = Or(parts=())


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKey:
    """Order by a parameter; ``kind`` is its type, so that the backend knows where its values lie.

    Ascending takes the least, descending the greatest value of a resource; those without come last.
    What is compared: ``normal`` of strings, ``low`` of dates, numbers and quantities, ``code`` of
    tokens, ``type/id`` or ``url`` of references; text by code points. ``_id`` has its own kind,
    ``_lastUpdated`` is a date.
    """

    parameter: str
    kind: Literal["string", "date", "token", "number", "quantity", "reference", "uri", "_id"]
    is_descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePosition:
    """Where the next page starts: after the resource with these sort values and this id.

    ``keys`` has one entry a sort key, None where the resource has no value.
    """

    keys: tuple[str | int | float | None, ...]
    resource_type: ResourceType
    logical_id: LogicalId


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """What a store is asked. Without sort keys the order is its own, the same on every page.

    Attributes:
        resource_types: At least one; several for a search over types.
        where: What must hold.
        sort: Sort keys, first one first.
        page_count: Matches a page, at least 1; 0 asks for the total alone.
        after: Start after this place instead of at the beginning.
        total: Whether the number of all matches is wanted.
    """

    resource_types: tuple[ResourceType, ...]
    where: Node = EVERYTHING
    sort: tuple[SortKey, ...] = field(default=())
    page_count: int = 20
    after: PagePosition | None = None
    total: Literal["none", "estimate", "accurate"] = "none"
