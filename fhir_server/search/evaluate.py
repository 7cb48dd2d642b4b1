"""Whether one resource is what a search asks for, told from its index values alone.

Stores answer searches; this is for what has no place of its own in one: contained resources. What
each leaf means stands in `fhir_server.search.tree`.

Spec: https://hl7.org/fhir/R4/search.html#contained
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from fhir_server.search.great_circle import distance_m
from fhir_server.search.tree import (
    And,
    CompositeMatch,
    DateMatch,
    DateTerm,
    IdMatch,
    Missing,
    NearMatch,
    NearTerm,
    Node,
    Not,
    NumberMatch,
    NumberTerm,
    Or,
    QuantityMatch,
    QuantityTerm,
    ReferenceMatch,
    ReferenceTerm,
    StringMatch,
    TokenMatch,
    TokenTerm,
    TypeMatch,
    UriMatch,
)
from fhir_server.search.values import (
    CompositeValue,
    DateValue,
    IndexValues,
    NumberValue,
    PositionValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)


class Candidate:
    """One resource and what it is found by.

    Args:
        resource_type: Its type.
        logical_id: Its id.
        values: Its index values.
    """

    def __init__(self, resource_type: str, logical_id: str, values: IndexValues) -> None:
        self._type = resource_type
        self._id = logical_id
        self._values: dict[str, list[Any]] = {}
        for name in IndexValues.__slots__:
            for value in getattr(values, name):
                self._values.setdefault(value.parameter, []).append(value)

    def satisfies(self, node: Node) -> bool:
        """Say whether the resource is what ``node`` asks for.

        Raises:
            TypeError: It asks for other resources too: there is no telling from here.
        """
        match node:
            case And(parts=parts):
                return all(map(self.satisfies, parts))
            case Or(parts=parts):
                return any(map(self.satisfies, parts))
            case Not(part=part):
                return not self.satisfies(part)
            case IdMatch(values=ids):
                return self._id in ids
            case TypeMatch(values=types):
                return self._type in types
            case Missing(parameter=parameter, is_missing=is_missing):
                return is_missing != (parameter in self._values)
            case _:
                return self._has_value(node)

    def _has_value(self, leaf: Any) -> bool:
        if type(leaf) not in _LEAVES:
            raise TypeError(f"not about one resource: {type(leaf).__name__}")
        return any(_holds(leaf, value) for value in self._values.get(leaf.parameter, ()))


def _holds(leaf: Any, value: Any) -> bool:
    """Say whether one index value of the leaf's parameter is what it asks for."""
    value_type, is_one = _LEAVES[type(leaf)]
    return isinstance(value, value_type) and any(is_one(leaf, term, value) for term in leaf.values)


def _token(_: TokenMatch, term: TokenTerm, value: TokenValue) -> bool:
    return term.system in {None, value.system} and term.code in {None, value.code}


def _string(leaf: StringMatch, text: str, value: StringValue) -> bool:
    match leaf.mode:
        case "exact":
            return value.exact == text
        case "contains":
            return text in value.normal
        case "equal":
            return value.normal == text
        case "suffix":
            return value.normal.endswith(text)
        case _:
            return value.normal.startswith(text)


def _date(_: DateMatch, term: DateTerm, value: DateValue) -> bool:
    is_within = term.low <= value.low and value.high <= term.high
    match term.prefix:
        case "eq":
            return is_within
        case "ne":
            return not is_within
        case "gt" | "ge":
            return value.high > term.high or (is_within and term.prefix == "ge")
        case "lt" | "le":
            return value.low < term.low or (is_within and term.prefix == "le")
        case "sa":
            return value.low >= term.high
        case "eb":
            return value.high <= term.low
        case _:
            return value.low < term.high and value.high > term.low


_NUMBERS: Mapping[str, Callable[[NumberTerm, Decimal, Decimal], bool]] = {
    "eq": lambda term, low, high: term.low <= low and high < term.high,
    "ne": lambda term, low, high: not (term.low <= low and high < term.high),
    "gt": lambda term, _, high: high > term.value,
    "lt": lambda term, low, _: low < term.value,
    "ge": lambda term, _, high: high >= term.value,
    "le": lambda term, low, _: low <= term.value,
    "sa": lambda term, low, _: low > term.value,
    "eb": lambda term, _, high: high < term.value,
    "ap": lambda term, low, high: low < term.high and high >= term.low,
}


def _number(_: NumberMatch, term: NumberTerm, value: NumberValue) -> bool:
    return _NUMBERS[term.prefix](term, value.low, value.high)


def _quantity(_: QuantityMatch, term: QuantityTerm, value: QuantityValue) -> bool:
    return (
        term.system in {None, value.system}
        and term.code in {None, value.code}
        and _NUMBERS[term.number.prefix](term.number, value.low, value.high)
    )


def _reference(_: ReferenceMatch, term: ReferenceTerm, value: ReferenceValue) -> bool:
    if term.url:
        return term.url == value.url
    return term.id == value.id and term.type in {"", value.type}


def _uri(leaf: UriMatch, uri: str, value: UriValue) -> bool:
    match leaf.mode:
        case "exact":
            return value.uri == uri
        case "below":
            return _is_below(value.uri, uri)
        case _:
            return _is_below(uri, value.uri)


def _is_below(uri: str, above: str) -> bool:
    return uri == above or uri.startswith(above if above.endswith("/") else f"{above}/")


def _near(_: NearMatch, term: NearTerm, value: PositionValue) -> bool:
    there = float(value.latitude), float(value.longitude)
    return distance_m(term.latitude, term.longitude, *there) <= term.distance_m


def _composite(_: CompositeMatch, parts: tuple[Any, ...], group: CompositeValue) -> bool:
    return all(
        any(part.parameter == value.parameter and _holds(part, value) for value in group.components)
        for part in parts
    )


_LEAVES: Mapping[type, tuple[type, Callable[[Any, Any, Any], bool]]] = {
    TokenMatch: (TokenValue, _token),
    StringMatch: (StringValue, _string),
    DateMatch: (DateValue, _date),
    NumberMatch: (NumberValue, _number),
    QuantityMatch: (QuantityValue, _quantity),
    ReferenceMatch: (ReferenceValue, _reference),
    UriMatch: (UriValue, _uri),
    NearMatch: (PositionValue, _near),
    CompositeMatch: (CompositeValue, _composite),
}
"""By kind of leaf: the values it compares, and whether one alternative is met by one value."""
