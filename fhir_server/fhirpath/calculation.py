"""What arithmetic makes of two values; NotImplemented for types that an operator does not take.

None is empty: a divisor of 0, units that do not fit, a result that is out of bounds.

Spec: http://hl7.org/fhirpath/N1/#math-2
"""

from decimal import Decimal
from typing import Any

from fhir_server.fhirpath import quantity as quantities
from fhir_server.fhirpath.arithmetic import shift
from fhir_server.fhirpath.number import ARITHMETIC, MAX_TEXT, in_range
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.temporal import Temporal


def _numbers(one: Any, other: Any) -> bool:
    return isinstance(one, int | Decimal) and isinstance(other, int | Decimal)


def _measures(one: Any, other: Any) -> tuple[Quantity, Quantity] | None:
    """Both as quantities where at least one is."""
    if isinstance(one, Quantity) and isinstance(other, Quantity):
        return one, other
    if isinstance(one, Quantity) and isinstance(other, int | Decimal):
        return one, Quantity(Decimal(other))
    if isinstance(other, Quantity) and isinstance(one, int | Decimal):
        return Quantity(Decimal(one)), other
    return None


def add(one: Any, other: Any) -> Any:
    """Add numbers, texts, quantities, or a duration to a time."""
    if isinstance(one, int) and isinstance(other, int):
        return in_range(one + other)
    if _numbers(one, other):
        return ARITHMETIC.add(Decimal(one), Decimal(other))
    if isinstance(one, str) and isinstance(other, str):
        return _joined(one, other)
    if isinstance(one, Temporal):
        return shift(one, other, 1) if isinstance(other, Quantity) else NotImplemented
    pair = _measures(one, other)
    return NotImplemented if pair is None else quantities.add(*pair)


def subtract(one: Any, other: Any) -> Any:
    """Subtract numbers, quantities, or a duration from a time."""
    if isinstance(one, int) and isinstance(other, int):
        return in_range(one - other)
    if _numbers(one, other):
        return ARITHMETIC.subtract(Decimal(one), Decimal(other))
    if isinstance(one, Temporal):
        return shift(one, other, -1) if isinstance(other, Quantity) else NotImplemented
    pair = _measures(one, other)
    return NotImplemented if pair is None else quantities.add(*pair, sign=-1)


def multiply(one: Any, other: Any) -> Any:
    """Multiply numbers and quantities."""
    if isinstance(one, int) and isinstance(other, int):
        return in_range(one * other)
    if _numbers(one, other):
        return ARITHMETIC.multiply(Decimal(one), Decimal(other))
    pair = _measures(one, other)
    return NotImplemented if pair is None else quantities.multiply(*pair)


def divide(one: Any, other: Any) -> Any:
    """Divide numbers and quantities; None for a divisor of 0."""
    if _numbers(one, other):
        return None if other == 0 else ARITHMETIC.divide(Decimal(one), Decimal(other))
    pair = _measures(one, other)
    return NotImplemented if pair is None else quantities.divide(*pair)


def divide_whole(one: Any, other: Any) -> Any:
    """Divide numbers and drop what is behind the point."""
    if not _numbers(one, other):
        return NotImplemented
    if other == 0:
        return None
    return in_range(int(ARITHMETIC.divide_int(Decimal(one), Decimal(other))))


def remainder(one: Any, other: Any) -> Any:
    """Return what is left of a whole division."""
    if not _numbers(one, other):
        return NotImplemented
    if other == 0:
        return None
    remainder = ARITHMETIC.remainder(Decimal(one), Decimal(other))
    return int(remainder) if isinstance(one, int) and isinstance(other, int) else remainder


def _joined(one: str, other: str) -> str:
    if len(one) + len(other) > MAX_TEXT:
        raise OverflowError
    return one + other
