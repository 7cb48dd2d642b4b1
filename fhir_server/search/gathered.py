"""What is found in one resource while it is being indexed."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir_server.model import JsonObject
from fhir_server.search.fold import fold
from fhir_server.search.values import (
    CompositeValue,
    DateValue,
    IndexValue,
    IndexValues,
    NumberValue,
    PositionValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)

CanonicalUnit = Callable[[Decimal, str], tuple[Decimal, str] | None]
"""Gives a UCUM quantity in canonical units; None: the unit is unknown or has no fixed factor."""


class Gathered:
    """Values of one resource so far.

    Attributes:
        resource: The resource itself, for paths that start over and for its contained resources.
        found: Values in the order they were met, of all kinds; a composite puts a list of its own
            here while it looks at a group.
        contained_links: (parameter, id) of references to contained resources.
    """

    __slots__ = ("_folded", "contained_links", "found", "resource")

    def __init__(self, resource: JsonObject) -> None:
        self.resource = resource
        self.found: list[IndexValue | CompositeValue] = []
        self.contained_links: list[tuple[str, str]] = []
        self._folded: dict[str, str] = {}

    def text(self, parameter: str, text: str) -> None:
        """Add a string; the same text often stands under several parameters and is folded once."""
        normal = self._folded.get(text)
        if normal is None:
            normal = self._folded[text] = fold(text)
        self.found.append(StringValue(parameter, normal, text))

    def values(self) -> IndexValues:
        """Sort what was found by kind; entries do not repeat."""
        kinds: dict[type, dict[Any, None]] = {}
        for value in self.found:
            kind = value.__class__
            entries = kinds.get(kind)
            if entries is None:
                kinds[kind] = {value: None}
            else:
                entries[value] = None
        return IndexValues(**{_FIELDS[kind]: tuple(entries) for kind, entries in kinds.items()})


Writer = Callable[[Any, Gathered], None]
"""Adds what one JSON value says to a parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOptions:
    """What indexing knows besides the definitions.

    Attributes:
        base_urls: Own base URLs, without trailing slash: absolute links below them are local.
        canonical_unit: See there.
        is_component: Whether it is for a part of a composite, which no modifier can ask for.
    """

    base_urls: tuple[str, ...] = ()
    canonical_unit: CanonicalUnit | None = None
    is_component: bool = False


_FIELDS: dict[type, str] = {
    TokenValue: "tokens",
    StringValue: "strings",
    DateValue: "dates",
    NumberValue: "numbers",
    QuantityValue: "quantities",
    ReferenceValue: "references",
    UriValue: "uris",
    PositionValue: "positions",
    CompositeValue: "composites",
}
