"""Quantities: a number with a UCUM code or a calendar unit.

Spec: http://hl7.org/fhirpath/N1/#quantity and http://hl7.org/fhirpath/N1/#time-valued-quantities
"""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from fhir_server.fhirpath import ucum
from fhir_server.fhirpath.tree import CALENDAR_UNITS, quote

_TEXT = re.compile(
    r"\s*(?P<number>[+-]?\d+(?:\.\d+)?)\s*(?:'(?P<code>[^']+)'|(?P<calendar>[a-z]+))?\s*"
)
_AS_UCUM = {
    "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms",
}  # fmt: skip
"""Calendar units that are as long as a UCUM unit; a year and a month are not."""

_MONTHS = {"year": 12, "month": 1}
_ABOUT = {**_AS_UCUM, "year": "a", "month": "mo"}
_CALENDAR_OF_UCUM = {code: unit for unit, code in _ABOUT.items()}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit: a UCUM code, or where ``is_calendar`` a word such as ``week``."""

    value: Decimal
    unit: str = "1"
    is_calendar: bool = False

    def __str__(self) -> str:
        if not self.is_calendar:
            return f"{self.value} {quote(self.unit)}"
        return f"{self.value} {self.unit}{'' if self.value == 1 else 's'}"

    def in_calendar(self) -> "Quantity":
        """Return it with a calendar unit where its UCUM code has one (``a`` is a year)."""
        unit = CALENDAR_UNITS.get(self.unit) or _CALENDAR_OF_UCUM.get(self.unit)
        return self if self.is_calendar or unit is None else Quantity(self.value, unit, True)


def quantity(text: str) -> Quantity | None:
    """Read ``4 days``, ``1 'wk'`` or ``1.5``; None: it is no quantity (``1 wk``)."""
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    value, code, calendar = Decimal(match["number"]), match["code"], match["calendar"]
    if calendar is not None:
        unit = CALENDAR_UNITS.get(calendar)
        return None if unit is None else Quantity(value, unit, True)
    return Quantity(value, code or "1")


def compare(left: Quantity, right: Quantity) -> int | None:
    """Order two quantities: negative, 0, positive; None where they measure different things.

    A calendar year or month is as long as no number of days, so it compares with its like only.
    """
    if left.unit == right.unit and left.is_calendar == right.is_calendar:
        return _order(Fraction(left.value), Fraction(right.value))
    one, other = _base(left), _base(right)
    if one is None or other is None or one[1] != other[1]:
        return None
    return _order(one[0], other[0])


def are_equivalent(left: Quantity, right: Quantity) -> bool:
    """Say whether both are the same after conversion, as precisely as the less precise one."""
    if _step(left) > _step(right):
        left, right = right, left
    code, target = as_ucum(left), as_ucum(right)
    value = left.value if code == target else ucum.convert(left.value, code, target)
    if value is None:
        return False
    step = Decimal(1).scaleb(-_digits(right.value))
    return round_to(value, step) == round_to(right.value, step)


def _step(value: Quantity) -> Fraction:
    """Size of one unit of the last digit, in base units."""
    unit = ucum.unit(as_ucum(value))
    return Fraction(1 if unit is None else unit.factor) * Fraction(1, 10 ** _digits(value.value))


def are_comparable(left: Quantity, right: Quantity) -> bool:
    """Say whether the two can be compared: ``comparable()``."""
    return compare(left, right) is not None


def are_equivalent_numbers(left: Decimal, right: Decimal) -> bool:
    """Compare as precisely as the less precise one is written; zeros at the end do not count.

    Spec: http://hl7.org/fhirpath/N1/#equivalent
    """
    if left == right:
        return True
    digits = min(_digits(left), _digits(right))
    step = Decimal(1).scaleb(-digits)
    return round_to(left, step) == round_to(right, step)


def round_to(value: Decimal, step: Decimal) -> Decimal:
    """Round half up, away from zero, to a multiple of a power of ten."""
    return value.quantize(step, rounding="ROUND_HALF_UP", context=ucum.WIDE)


def add(left: Quantity, right: Quantity, sign: int = 1) -> Quantity | None:
    """Add (or subtract) in the more granular of the two units; None where they do not fit.

    Spec: http://hl7.org/fhirpath/N1/#addition
    """
    if left.unit == right.unit and left.is_calendar == right.is_calendar:
        return replace(left, value=left.value + sign * right.value)
    target = min(left, right, key=_unit_size)
    one, other = _in_unit_of(target, left), _in_unit_of(target, right)
    return None if one is None or other is None else replace(target, value=one + sign * other)


def _unit_size(value: Quantity) -> Fraction:
    unit = ucum.unit(as_ucum(value))
    return Fraction(0) if unit is None else unit.factor


def _in_unit_of(target: Quantity, value: Quantity) -> Decimal | None:
    if _MONTHS.keys() >= {target.unit, value.unit}:
        return value.value * _MONTHS[value.unit] / _MONTHS[target.unit]
    return ucum.convert(value.value, as_ucum(value), as_ucum(target))


def multiply(left: Quantity, right: Quantity) -> Quantity:
    """Multiply; the units are multiplied too."""
    value = left.value * right.value
    if _is_bare(right):
        return replace(left, value=value)
    if _is_bare(left):
        return replace(right, value=value)
    return Quantity(value, _product(left, right, "."))


def divide(left: Quantity, right: Quantity) -> Quantity | None:
    """Divide; None for a divisor of 0."""
    if right.value == 0:
        return None
    value = left.value / right.value
    if _is_bare(right):
        return replace(left, value=value)
    return Quantity(value, "1" if left.unit == right.unit else _product(left, right, "/"))


def _is_bare(value: Quantity) -> bool:
    return value.unit == "1" and not value.is_calendar


def _product(left: Quantity, right: Quantity, operator: str) -> str:
    one, other = as_ucum(left), as_ucum(right)
    if other == "1":
        return one
    if one == "1" and operator == ".":
        return other
    if "." in other or "/" in other:
        other = f"({other})"
    return f"{'' if one == '1' else one}{operator}{other}"


def as_ucum(value: Quantity) -> str:
    """Return the unit as a UCUM code; for a calendar year or month the nearest one."""
    return _ABOUT[value.unit] if value.is_calendar else value.unit


def _base(value: Quantity) -> tuple[Fraction, str] | None:
    if not value.is_calendar:
        return ucum.to_base(value.value, value.unit)
    if value.unit in _MONTHS:
        return Fraction(value.value) * _MONTHS[value.unit], "month"
    return ucum.to_base(value.value, _AS_UCUM[value.unit])


def _order(left: Fraction, right: Fraction) -> int:
    return (left > right) - (left < right)


def _digits(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def key(value: Quantity) -> tuple[str, Fraction, str]:
    """Return what equal quantities have in common."""
    number, unit = _base(value) or (Fraction(value.value), value.unit)
    return "Quantity", number, unit
