"""Bounds of numbers and texts: arithmetic that runs out of them gives empty.

Spec: http://hl7.org/fhirpath/N1/#math-2
"""

from decimal import Context, DivisionByZero, InvalidOperation, Overflow

ARITHMETIC = Context(
    prec=34, Emax=1_000, Emin=-1_000, traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""More than the 28 digits that FHIRPath asks for; bounded, so that no power takes long."""

_MAX_INTEGER = 2**31 - 1

MAX_TEXT = 1_000_000
"""Characters that a string may grow to."""


def in_range(value: int) -> int | None:
    """Return an Integer; None where it has more than 32 bits."""
    return value if -_MAX_INTEGER - 1 <= value <= _MAX_INTEGER else None
