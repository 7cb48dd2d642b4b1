"""What nodes are worth in FHIRPath's own types, and when two are equal, equivalent or ordered.

Spec: https://hl7.org/fhir/R4/fhirpath.html#types and http://hl7.org/fhirpath/N1/#equality
"""

from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from fhir_server.fhirpath import quantity as quantities
from fhir_server.fhirpath import temporal as temporals
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.node import Node, boolean
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.temporal import Temporal, temporal

UCUM_SYSTEM = "http://unitsofmeasure.org"

TEMPORAL_TYPES = frozenset({"date", "dateTime", "instant", "time"})
QUANTITY_TYPES = frozenset(
    {"Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"}
)
_NUMBERS = (int, Decimal)


def plain(item: Node) -> Any:
    """Return a node's value as FHIRPath computes with it.

    Returns:
        bool, int, Decimal, str, Temporal or Quantity; the JSON of anything else; None where a
        primitive has no value or one that its type does not allow.
    """
    convert = _CONVERT.get(item.fhir_type)
    return item.value if convert is None else convert(item.value)


def _to_date(value: Any) -> Temporal | None:
    return temporal("date", value) if isinstance(value, str) else None


def _to_date_time(value: Any) -> Temporal | None:
    return temporal("dateTime", value) if isinstance(value, str) else None


def _to_time(value: Any) -> Temporal | None:
    return temporal("time", value) if isinstance(value, str) else None


def _to_decimal(value: Any) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(repr(value))


def _to_quantity(value: Any) -> Any:
    """A Quantity with a comparator is no single quantity and stays what it is."""
    if not isinstance(value, dict) or "comparator" in value:
        return value
    number = _to_decimal(value.get("value"))
    unit = value.get("code") or value.get("unit") or "1"
    return value if number is None or not isinstance(unit, str) else Quantity(number, unit)


_CONVERT: MappingProxyType[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "date": _to_date,
        "dateTime": _to_date_time,
        "instant": _to_date_time,
        "time": _to_time,
        "decimal": _to_decimal,
        **dict.fromkeys(QUANTITY_TYPES, _to_quantity),
    }
)


_TEMPORAL_NAMES = {"date": "System.Date", "dateTime": "System.DateTime", "time": "System.Time"}


def wrap(value: Any) -> Node:
    """Return the node of a computed value."""
    if value is True or value is False:
        return boolean(value)
    if isinstance(value, str):
        return Node(value, "System.String")
    if isinstance(value, int):
        return Node(value, "System.Integer")
    if isinstance(value, Decimal):
        return Node(value, "System.Decimal")
    if isinstance(value, Quantity):
        return Node(value, "System.Quantity")
    return Node(value, _TEMPORAL_NAMES[value.kind])


def wrap_all(value: Any) -> list[Node]:
    """Return a computed value as a collection: nothing for None, each one of a list."""
    if value is None:
        return []
    return list(map(wrap, value)) if isinstance(value, list) else [wrap(value)]


def equal(left: Sequence[Node], right: Sequence[Node]) -> bool | None:
    """Compare two collections with ``=``; None where either is empty or the answer is open."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    verdict: bool | None = True
    for one, other in zip(left, right, strict=True):
        same = equal_items(one, other)
        if same is False:
            return False
        if same is None:
            verdict = None
    return verdict


def equal_items(left: Node, right: Node) -> bool | None:
    """Compare two items with ``=``."""
    one, other = plain(left), plain(right)
    if one is None or other is None:
        return None
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Temporal) and isinstance(other, Temporal):
        return _equal_temporals(one, other)
    if isinstance(one, Quantity) or isinstance(other, Quantity):
        pair = _quantities(one, other)
        if pair is None:
            return False
        order = quantities.compare(*pair)
        return None if order is None else order == 0
    return bool(one == other)


def _equal_temporals(left: Temporal, right: Temporal) -> bool | None:
    if (left.kind == "time") != (right.kind == "time"):
        return False
    order = temporals.compare(left, right)
    return None if order is None else order == 0


def _quantities(left: Any, right: Any) -> tuple[Quantity, Quantity] | None:
    """Both as quantities; a number becomes one of unit ``1`` beside a quantity."""
    one = _as_quantity(left)
    other = _as_quantity(right)
    return None if one is None or other is None else (one, other)


def _as_quantity(value: Any) -> Quantity | None:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, _NUMBERS) and not isinstance(value, bool):
        return Quantity(Decimal(value))
    return None


def equivalent(left: Sequence[Node], right: Sequence[Node]) -> bool:
    """Compare two collections with ``~``: order does not matter, never empty."""
    if len(left) != len(right):
        return False
    return _match_up(list(left), list(right), _equivalent_nodes)


def _match_up(left: list[Any], right: list[Any], same: Callable[[Any, Any], bool]) -> bool:
    for one in left:
        partner = next((i for i, other in enumerate(right) if same(one, other)), None)
        if partner is None:
            return False
        del right[partner]
    return True


def _equivalent_nodes(left: Node, right: Node) -> bool:
    return _equivalent_values(plain(left), plain(right))


def _equivalent_values(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, str):
        return _folded(one) == _folded(other)
    if isinstance(one, Temporal) and isinstance(other, Temporal):
        return _equal_temporals(one, other) is True
    if isinstance(one, _NUMBERS) and isinstance(other, _NUMBERS):
        return quantities.are_equivalent_numbers(Decimal(one), Decimal(other))
    pair = _quantities(one, other)
    if pair is not None:
        return quantities.are_equivalent(*pair)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            _equivalent_values(one[key], other[key]) for key in one
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and _match_up(list(one), list(other), _equivalent_values)
    return bool(one == other)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def compare(left: Node, right: Node, operator: str, offset: int) -> int | None:
    """Order two items: negative, 0, positive; None where the answer is open.

    Raises:
        Fault: The two are of types that have no order together.
    """
    one, other = plain(left), plain(right)
    if one is None or other is None:
        return None
    if isinstance(one, str) and isinstance(other, str):
        return (one > other) - (one < other)
    if _are_numbers(one, other):
        return int(one > other) - int(one < other)
    if isinstance(one, Temporal) and isinstance(other, Temporal):
        if (one.kind == "time") == (other.kind == "time"):
            return temporals.compare(one, other)
    elif (pair := _quantities(one, other)) is not None:
        return quantities.compare(*pair)
    elif _is_open(left, one) or _is_open(right, other):
        return None
    raise Fault(
        "fhirpath-operand",
        offset,
        function=operator,
        found=f"{left.fhir_type} {operator} {right.fhir_type}",
        expected="String, Integer, Decimal, Date, DateTime, Time, Quantity",
    )


def _is_open(item: Node, value: Any) -> bool:
    """Whether it is a Quantity that is no single number: ``< 5 mg``, or without value."""
    return item.fhir_type in QUANTITY_TYPES and isinstance(value, dict)


def _are_numbers(one: Any, other: Any) -> bool:
    return (
        isinstance(one, _NUMBERS)
        and isinstance(other, _NUMBERS)
        and not isinstance(one, bool)
        and not isinstance(other, bool)
    )


def key(item: Node) -> Hashable:
    """Return something that is the same for items that are equal, for `dict` and `set`."""
    return _hashable(plain(item))


def _hashable(value: Any) -> Hashable:
    if isinstance(value, bool):
        return ("Boolean", value)
    if isinstance(value, Temporal):
        zone = value.zone or 0
        instant = value.low - zone * 60 * temporals.NANOSECONDS
        precision = min(value.precision, temporals.SECOND)
        return (value.kind == "time", precision, instant, value.zone is None)
    if isinstance(value, Quantity):
        return quantities.key(value)
    if isinstance(value, dict):
        return frozenset((name, _hashable(child)) for name, child in value.items())
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return value  # type: ignore[no-any-return] # a JSON scalar
