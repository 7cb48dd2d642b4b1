"""The search tree by the book: plain Python over index values, one resource at a time.

Stores are compared with it: whatever a generator makes of a query must find what filtering every
resource with `matches` finds. It is written to be read beside ``search/tree.py``, not to be fast.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from typing import Any

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import (
    And,
    Chain,
    CompositeMatch,
    DateMatch,
    DateTerm,
    DateValue,
    Has,
    IdMatch,
    IndexValue,
    IndexValues,
    Missing,
    NearMatch,
    NearTerm,
    Node,
    Not,
    NumberMatch,
    NumberTerm,
    NumberValue,
    Or,
    PositionValue,
    QuantityMatch,
    QuantityTerm,
    QuantityValue,
    ReferenceMatch,
    ReferenceTerm,
    ReferenceValue,
    SearchQuery,
    SortKey,
    StringMatch,
    StringValue,
    TokenMatch,
    TokenTerm,
    TokenValue,
    TypeMatch,
    UriMatch,
    UriValue,
)

Key = tuple[ResourceType, LogicalId]
Corpus = Mapping[Key, IndexValues]
"""Every current, undeleted resource; ``_lastUpdated`` is among its dates."""

EARTH_RADIUS_M = 6_371_008.8


def search(query: SearchQuery, corpus: Corpus) -> list[Key]:
    """Return all matches of a query in its order; ties in the order of type and id.

    ``page_count``, ``after`` and ``total`` are not looked at.
    """
    found = sorted(
        key
        for key in corpus
        if key[0] in query.resource_types and matches(query.where, key, corpus)
    )
    for sort in reversed(query.sort):
        with_value = [key for key in found if sort_value(sort, key, corpus) is not None]
        without = [key for key in found if sort_value(sort, key, corpus) is None]
        with_value.sort(
            key=lambda key, sort=sort: sort_value(sort, key, corpus),  # type: ignore[misc]
            reverse=sort.is_descending,
        )
        found = with_value + without
    return found


def sort_value(sort: SortKey, key: Key, corpus: Corpus) -> Any:
    """Return what a resource is ordered by, its least (ascending) or greatest; None: nothing."""
    if sort.kind == "_id":
        return key[1]
    field, of = _SORTED[sort.kind]
    found = [of(v) for v in getattr(corpus[key], field) if v.parameter == sort.parameter]
    return (max if sort.is_descending else min)(found, default=None)


_SORTED: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "string": ("strings", lambda value: value.normal),
    "token": ("tokens", lambda value: value.code),
    "date": ("dates", lambda value: value.low),
    "number": ("numbers", lambda value: value.low),
    "quantity": ("quantities", lambda value: value.low),
    "uri": ("uris", lambda value: value.uri),
    "reference": ("references", lambda value: value.url or f"{value.type}/{value.id}"),
}


def matches(node: Node, key: Key, corpus: Corpus) -> bool:
    """Say whether the resource ``key`` of ``corpus`` satisfies ``node``."""
    holds = _NODES.get(type(node))
    if holds is not None:
        return holds(node, key, corpus)
    return any(leaf_holds(node, value) for value in single_values(corpus[key]))


def chain_holds(node: Chain, key: Key, corpus: Corpus) -> bool:
    return any(
        (value.type, value.id) in corpus
        and value.type == node.target_type
        and matches(node.where, (ResourceType(value.type), LogicalId(value.id)), corpus)
        for value in corpus[key].references
        if value.parameter == node.parameter
    )


def has_holds(node: Has, key: Key, corpus: Corpus) -> bool:
    wanted = (node.parameter, *key)
    return any(
        source[0] == node.source_type
        and any((value.parameter, value.type, value.id) == wanted for value in values.references)
        and matches(node.where, source, corpus)
        for source, values in corpus.items()
    )


def composite_holds(node: CompositeMatch, key: Key, corpus: Corpus) -> bool:
    return any(
        all(any(leaf_holds(part, value) for value in group.components) for part in parts)
        for parts in node.values
        for group in corpus[key].composites
        if group.parameter == node.parameter
    )


_NODES: Mapping[type, Callable[[Any, Key, Corpus], bool]] = {
    And: lambda node, key, corpus: all(matches(part, key, corpus) for part in node.parts),
    Or: lambda node, key, corpus: any(matches(part, key, corpus) for part in node.parts),
    Not: lambda node, key, corpus: not matches(node.part, key, corpus),
    IdMatch: lambda node, key, _: key[1] in node.values,
    TypeMatch: lambda node, key, _: key[0] in node.values,
    Missing: lambda node, key, corpus: node.is_missing != has_value(node.parameter, corpus[key]),
    Chain: chain_holds,
    Has: has_holds,
    CompositeMatch: composite_holds,
}


def has_value(parameter: str, values: IndexValues) -> bool:
    """Say whether there is any value, or group, of that parameter."""
    return any(value.parameter == parameter for value in single_values(values)) or any(
        group.parameter == parameter for group in values.composites
    )


def single_values(values: IndexValues) -> Iterable[IndexValue]:
    """All values but composite groups."""
    yield from values.tokens
    yield from values.strings
    yield from values.dates
    yield from values.numbers
    yield from values.quantities
    yield from values.references
    yield from values.uris
    yield from values.positions


def leaf_holds(leaf: Any, value: IndexValue) -> bool:
    """Say whether one index value satisfies one alternative of a leaf."""
    if value.parameter != leaf.parameter:
        return False
    for leaf_type, value_type, holds in _LEAVES:
        if isinstance(leaf, leaf_type):
            return isinstance(value, value_type) and holds(leaf, value)
    raise TypeError(f"no leaf: {leaf}")


def token_holds(term: TokenTerm, value: TokenValue) -> bool:
    return term.system in {None, value.system} and term.code in {None, value.code}


def string_holds(leaf: StringMatch, value: StringValue) -> bool:
    if leaf.mode == "exact":
        return value.exact in leaf.values
    if leaf.mode == "contains":
        return any(text in value.normal for text in leaf.values)
    if leaf.mode == "equal":
        return value.normal in leaf.values
    if leaf.mode == "suffix":
        return any(value.normal.endswith(text) for text in leaf.values)
    return any(value.normal.startswith(text) for text in leaf.values)


def date_holds(term: DateTerm, value: DateValue) -> bool:
    is_within = term.low <= value.low and value.high <= term.high
    return {
        "eq": is_within,
        "ne": not is_within,
        "gt": value.high > term.high,
        "lt": value.low < term.low,
        "ge": value.high > term.high or is_within,
        "le": value.low < term.low or is_within,
        "sa": value.low >= term.high,
        "eb": value.high <= term.low,
        "ap": value.low < term.high and value.high > term.low,
    }[term.prefix]


def number_holds(term: NumberTerm, low: Decimal, high: Decimal) -> bool:
    is_within = term.low <= low and high < term.high
    return {
        "eq": is_within,
        "ne": not is_within,
        "gt": high > term.value,
        "lt": low < term.value,
        "ge": high >= term.value,
        "le": low <= term.value,
        "sa": low > term.value,
        "eb": high < term.value,
        "ap": low < term.high and high >= term.low,
    }[term.prefix]


def quantity_holds(term: QuantityTerm, value: QuantityValue) -> bool:
    return (
        term.system in {None, value.system}
        and term.code in {None, value.code}
        and number_holds(term.number, value.low, value.high)
    )


def reference_holds(term: ReferenceTerm, value: ReferenceValue) -> bool:
    if term.url:
        return term.url == value.url
    return value.id == term.id and term.type in {"", value.type}


def uri_holds(leaf: UriMatch, value: UriValue) -> bool:
    if leaf.mode == "exact":
        return value.uri in leaf.values
    if leaf.mode == "below":
        return any(_is_below(value.uri, uri) for uri in leaf.values)
    return any(_is_below(uri, value.uri) for uri in leaf.values)


def _is_below(uri: str, above: str) -> bool:
    return uri == above or uri.startswith(above if above.endswith("/") else above + "/")


def near_holds(term: NearTerm, value: PositionValue) -> bool:
    north, north2 = radians(term.latitude), radians(float(value.latitude))
    east = radians(float(value.longitude) - term.longitude)
    half = sin((north2 - north) / 2) ** 2 + cos(north) * cos(north2) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, half))) <= term.distance_m


def _any(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda leaf, value: any(holds(term, value) for term in leaf.values)


_LEAVES: tuple[tuple[type, type, Callable[[Any, Any], bool]], ...] = (
    (TokenMatch, TokenValue, _any(token_holds)),
    (StringMatch, StringValue, string_holds),
    (DateMatch, DateValue, _any(date_holds)),
    (NumberMatch, NumberValue, _any(lambda term, v: number_holds(term, v.low, v.high))),
    (QuantityMatch, QuantityValue, _any(quantity_holds)),
    (ReferenceMatch, ReferenceValue, _any(reference_holds)),
    (UriMatch, UriValue, uri_holds),
    (NearMatch, PositionValue, _any(near_holds)),
)
