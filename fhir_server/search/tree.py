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
    """The searched interval ``[low, high)`` in microseconds since 1970 UTC."""

    prefix: Prefix
    low: int
    high: int


class NumberTerm(NamedTuple):
    """``[low, high)`` is the interval the written precision implies; ``value`` the number itself."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMatch:
    """A token is one of ``values``."""

    parameter: str
    values: tuple[TokenTerm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StringMatch:
    """``prefix`` and ``contains`` compare normalised text, ``exact`` the text as written."""

    parameter: str
    mode: Literal["prefix", "contains", "exact"]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DateMatch:
    """Intervals compared by prefix (search.html#prefix); ``_lastUpdated`` is a parameter like any other."""

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
    """``below``: the indexed uri starts with the value (whole segments); ``above``: the other way round.

    ``value|version`` of a canonical search arrives as ``exact`` on both spellings the rewrite makes.
    """

    parameter: str
    mode: Literal["exact", "below", "above"]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeMatch:
    """One group of the composite satisfies every part; parts name ``parameter$0``, ``parameter$1`` …

    ``values`` are alternatives, each a tuple of leaves, one per component.
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


Leaf = (
    TokenMatch
    | StringMatch
    | DateMatch
    | NumberMatch
    | QuantityMatch
    | ReferenceMatch
    | UriMatch
    | CompositeMatch
    | Missing
    | IdMatch
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Reference ``parameter`` goes to a current resource of ``target_type`` for which ``where`` holds."""

    parameter: str
    target_type: ResourceType
    where: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """A current resource of ``source_type`` refers here by ``parameter`` and ``where`` holds for it."""

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
    ``_id`` and ``_lastUpdated`` have kinds of their own.
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
    """What a store is asked. Without sort keys the order is the store's own, but the same on every page.

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
