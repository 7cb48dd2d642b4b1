"""The statistics of ``$stats``, exact to 12 digits.

Percentiles are interpolated between the two nearest values (type 7 of Hyndman and Fan, as in R and
NumPy). Variance and standard deviation are those of a sample.

Spec: https://hl7.org/fhir/R4/valueset-observation-statistics.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from types import MappingProxyType

_DIGITS = Context(prec=12)
_WORK = Context(prec=40)

Values = Sequence[Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One statistic.

    Attributes:
        of: Computes it; None: it only counts.
        counts: (values, observations) -> the number; None: it is computed.
        least: How many values it needs.
        has_unit: Whether the result has the unit of the values.
    """

    of: Callable[[Values], Decimal] | None = None
    counts: Callable[[int, int], int] | None = None
    least: int = 1
    has_unit: bool = True


def _plain(number: Fraction | Decimal) -> Decimal:
    """Write a number with at most 12 digits, without exponent and idle zeros."""
    if isinstance(number, Fraction):
        number = _WORK.divide(Decimal(number.numerator), Decimal(number.denominator))
    short = _DIGITS.plus(number).normalize(_DIGITS)
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short


def _sum(values: Values) -> Fraction:
    return sum((Fraction(value) for value in values), Fraction(0))


def _mean(values: Values) -> Fraction:
    return _sum(values) / len(values)


def _variance(values: Values) -> Fraction:
    mean = _mean(values)
    squares = sum(((Fraction(value) - mean) ** 2 for value in values), Fraction(0))
    return squares / (len(values) - 1)


def _deviation(values: Values) -> Decimal:
    variance = _variance(values)
    return _WORK.sqrt(_WORK.divide(Decimal(variance.numerator), Decimal(variance.denominator)))


def _moment(values: Values, order: int) -> Fraction:
    mean = _mean(values)
    return sum(((Fraction(v) - mean) ** order for v in values), Fraction(0)) / len(values)


def _skew(values: Values) -> Decimal:
    """Third standardised moment of the values; 0 where all are equal."""
    spread = _moment(values, 2)
    if not spread:
        return Decimal(0)
    third, second = _exact(_moment(values, 3)), _exact(spread)
    return _WORK.divide(third, _WORK.power(_WORK.sqrt(second), 3))


def _kurtosis(values: Values) -> Fraction:
    """Fourth standardised moment of the values; 0 where all are equal."""
    spread = _moment(values, 2)
    return _moment(values, 4) / spread**2 if spread else Fraction(0)


def _exact(number: Fraction) -> Decimal:
    return _WORK.divide(Decimal(number.numerator), Decimal(number.denominator))


def percentile(values: Values, share: Fraction) -> Fraction:
    """Return the value below which ``share`` of the values lie."""
    ordered = sorted(Fraction(value) for value in values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _percentile(numerator: int, denominator: int) -> Statistic:
    share = Fraction(numerator, denominator)
    return Statistic(of=lambda values: _plain(percentile(values, share)))


def _quartile_deviation(values: Values) -> Fraction:
    return (percentile(values, Fraction(3, 4)) - percentile(values, Fraction(1, 4))) / 2


STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        "average": Statistic(of=lambda values: _plain(_mean(values))),
        "maximum": Statistic(of=max),
        "minimum": Statistic(of=min),
        "count": Statistic(counts=lambda values, _: values),
        "total-count": Statistic(counts=lambda _, observations: observations),
        "median": _percentile(1, 2),
        "std-dev": Statistic(of=lambda values: _plain(_deviation(values)), least=2),
        "sum": Statistic(of=lambda values: _plain(_sum(values))),
        "variance": Statistic(of=lambda values: _plain(_variance(values)), least=2, has_unit=False),
        "20-percent": _percentile(1, 5),
        "80-percent": _percentile(4, 5),
        "4-lower": _percentile(1, 4),
        "4-upper": _percentile(3, 4),
        "4-dev": Statistic(of=lambda values: _plain(_quartile_deviation(values))),
        "5-1": _percentile(1, 5),
        "5-2": _percentile(2, 5),
        "5-3": _percentile(3, 5),
        "5-4": _percentile(4, 5),
        "skew": Statistic(of=lambda values: _plain(_skew(values)), least=2, has_unit=False),
        "kurtosis": Statistic(of=lambda values: _plain(_kurtosis(values)), least=2, has_unit=False),
    }
)
"""Every code of the value set but ``regression``, which has two results and no element for them."""
