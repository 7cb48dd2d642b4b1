"""Mathematics on exact decimals.

Spec: http://hl7.org/fhirpath/N1/#math
"""

from decimal import Decimal, DecimalException

from fhir_server.fhirpath.functions.registry import INTEGER, MEASURE, NUMBER, scalar
from fhir_server.fhirpath.number import ARITHMETIC, in_range
from fhir_server.fhirpath.quantity import Quantity, round_to

MAX_DIGITS = 28

Number = int | Decimal


@scalar("abs", spec="5.7.1", takes=MEASURE)
def absolute(value: Number | Quantity) -> Number | Quantity:
    """Take the sign away."""
    if isinstance(value, Quantity):
        return Quantity(abs(value.value), value.unit, value.is_calendar)
    return value if value >= 0 else -value


@scalar("ceiling", spec="5.7.2", takes=NUMBER)
def ceiling(value: Number) -> int | None:
    """Return the first integer that is not less."""
    return in_range(int(Decimal(value).to_integral_value(rounding="ROUND_CEILING")))


@scalar("floor", spec="5.7.4", takes=NUMBER)
def floor(value: Number) -> int | None:
    """Return the first integer that is not greater."""
    return in_range(int(Decimal(value).to_integral_value(rounding="ROUND_FLOOR")))


@scalar("truncate", spec="5.7.10", takes=NUMBER)
def truncate(value: Number) -> int | None:
    """Return the integer part."""
    return in_range(int(Decimal(value).to_integral_value(rounding="ROUND_DOWN")))


@scalar("round", spec="5.7.8", takes=MEASURE, args=(INTEGER,), required=0)
def round_(value: Number | Quantity, precision: int = 0) -> Number | Quantity:
    """Round half away from zero to ``precision`` digits behind the point."""
    if not 0 <= precision <= MAX_DIGITS:
        raise ValueError(f"0 … {MAX_DIGITS}")
    if isinstance(value, Quantity):
        rounded = round_to(value.value, Decimal(1).scaleb(-precision))
        return Quantity(rounded, value.unit, value.is_calendar)
    if isinstance(value, int):
        return value
    rounded = round_to(value, Decimal(1).scaleb(-precision))
    return int(rounded) if precision == 0 else rounded


@scalar("exp", spec="5.7.3", takes=NUMBER)
def exp(value: Number) -> Decimal | None:
    """Return e to the power of the value."""
    try:
        return ARITHMETIC.exp(Decimal(value))
    except DecimalException:
        return None


@scalar("ln", spec="5.7.5", takes=NUMBER)
def ln(value: Number) -> Decimal | None:
    """Return the natural logarithm; empty unless the value is positive."""
    return ARITHMETIC.ln(Decimal(value)) if value > 0 else None


@scalar("log", spec="5.7.6", takes=NUMBER, args=(NUMBER,))
def log(value: Number, base: Number) -> Decimal | None:
    """Return the logarithm to ``base``."""
    if value <= 0 or base <= 0 or base == 1:
        return None
    quotient = ARITHMETIC.divide(ARITHMETIC.ln(Decimal(value)), ARITHMETIC.ln(Decimal(base)))
    whole = quotient.to_integral_value()
    is_whole = abs(quotient - whole) < Decimal("1e-20")
    return whole if is_whole else quotient


@scalar("power", spec="5.7.7", takes=NUMBER, args=(NUMBER,))
def power(value: Number, exponent: Number) -> Number | None:
    """Raise to a power; empty where the result is no real number or too large."""
    try:
        result = ARITHMETIC.power(Decimal(value), Decimal(exponent))
    except DecimalException:
        return None
    if isinstance(value, int) and isinstance(exponent, int) and exponent >= 0:
        return in_range(int(result))
    return result


@scalar("sqrt", spec="5.7.9", takes=NUMBER)
def sqrt(value: Number) -> Decimal | None:
    """Return the square root; empty for negative values."""
    return ARITHMETIC.sqrt(Decimal(value)) if value >= 0 else None
