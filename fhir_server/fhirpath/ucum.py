"""Units of measure: UCUM codes read, compared and converted exactly.

Spec: https://ucum.org/ucum (case-sensitive codes). The table lies in ``ucum.toml``.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType

MAX_CODE = 200
_MAX_NESTING = 20
_MAX_EXPONENT = 99
WIDE = Context(prec=60)
"""Digits that conversions keep where the result is exact."""

_TOKEN = re.compile(r"[.()/]|\{[^{}]*\}|(?:\[[^\]]*\]|[^.()/{}\[])+")
_COMPONENT = re.compile(r"(?P<atom>(?:\[[^\]]*\]|10[*^]|[^\d+\-\[\]])+?)(?P<exponent>[+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Unit:
    """What a code means: ``(value + offset) * factor`` in the units of ``dimension``.

    Attributes:
        factor: Size in base units.
        dimension: Base units with their exponents, by name, none with exponent 0.
        offset: Not 0 for temperature scales only.
    """

    factor: Fraction
    dimension: tuple[tuple[str, int], ...] = ()
    offset: Fraction = Fraction(0)

    def times(self, other: "Unit", exponent: int = 1) -> "Unit":
        """Return the product with ``other ** exponent``; scales lose their offset (``Cel/s``)."""
        powers = dict(self.dimension)
        for base, power in other.dimension:
            powers[base] = powers.get(base, 0) + power * exponent
        dimension = tuple(sorted((b, p) for b, p in powers.items() if p))
        is_alone = self == ONE and exponent == 1
        offset = other.offset if is_alone else self.offset if other == ONE else Fraction(0)
        return Unit(self.factor * other.factor**exponent, dimension, offset)

    @property
    def code(self) -> str:
        """The UCUM code of the base units: ``g.m-1.s-2``; ``1`` where there is none."""
        return _code(self.dimension)


@lru_cache(maxsize=1024)
def _code(dimension: tuple[tuple[str, int], ...]) -> str:
    steps = (base if power == 1 else f"{base}{power}" for base, power in dimension)
    return ".".join(steps) or "1"


ONE = Unit(Fraction(1))


def unit(code: str) -> Unit | None:
    """Read a code such as ``mg/dL`` or ``mm[Hg]``; None: it is not UCUM or not in the table."""
    return _known_unit(code) if len(code) <= MAX_CODE else None


@lru_cache(maxsize=2048)
def _known_unit(code: str) -> Unit | None:
    if not code or not code.isascii() or " " in code:
        return None
    try:
        return _Reader(code).read()
    except _Unreadable:
        return None


def are_comparable(left: str, right: str) -> bool:
    """Say whether values of one code can be converted to the other."""
    one, other = unit(left), unit(right)
    return one is not None and other is not None and one.dimension == other.dimension


def to_base(value: Decimal, code: str) -> tuple[Fraction, str] | None:
    """Express ``value`` in base units: (exact number, their code); None: unknown code."""
    found = unit(code)
    if found is None:
        return None
    return (Fraction(value) + found.offset) * found.factor, found.code


def convert(value: Decimal, code: str, target: str) -> Decimal | None:
    """Convert ``value`` to another code; None where the two measure different things.

    The result is exact where it has at most 60 digits, rounded to 28 otherwise.
    """
    source, wanted = unit(code), unit(target)
    if source is None or wanted is None or source.dimension != wanted.dimension:
        return None
    if code == target:
        return value
    return as_decimal(
        (Fraction(value) + source.offset) * source.factor / wanted.factor - wanted.offset
    )


def canonical(value: Decimal, code: str) -> tuple[Decimal, str] | None:
    """Express ``value`` in base units as a decimal, for search; None: unknown code."""
    return _known_canonical(value, code) if len(code) <= MAX_CODE else None


@lru_cache(maxsize=4096)  # measured values come again
def _known_canonical(value: Decimal, code: str) -> tuple[Decimal, str] | None:
    found = to_base(value, code)
    return None if found is None else (as_decimal(found[0]), found[1])


def as_decimal(number: Fraction) -> Decimal:
    """Write a fraction as a decimal: exact up to 60 digits, rounded to 28 otherwise."""
    with localcontext(WIDE):
        exact = Decimal(number.numerator) / Decimal(number.denominator)
        if Fraction(exact) == number:
            return exact if exact == exact.to_integral_value() else exact.normalize()
    with localcontext(Context(prec=28)):
        return Decimal(number.numerator) / Decimal(number.denominator)


class _Unreadable(Exception):
    """The code is not UCUM."""


@dataclass(frozen=True, slots=True)
class _Table:
    prefixes: Mapping[str, Fraction]
    metric: frozenset[str]
    definitions: Mapping[str, str]
    dimensions: frozenset[str]
    offsets: Mapping[str, Fraction]


@cache
def _table() -> _Table:
    text = resources.files(__package__).joinpath("ucum.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return _Table(
        prefixes=MappingProxyType({k: Fraction(v) for k, v in data["prefixes"].items()}),
        metric=frozenset(data["metric"]),
        definitions=MappingProxyType(data["units"]),
        dimensions=frozenset(data["bases"]) | frozenset(data["arbitrary"]),
        offsets=MappingProxyType({k: Fraction(v) for k, v in data["offsets"].items()}),
    )


class _Reader:
    """Recursive descent over one code."""

    def __init__(self, code: str) -> None:
        self._tokens = _TOKEN.findall(code)
        if sum(map(len, self._tokens)) != len(code):
            raise _Unreadable
        self._at = 0

    def read(self) -> Unit:
        result = self._term(0)
        if self._at != len(self._tokens):
            raise _Unreadable
        return result

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _term(self, depth: int) -> Unit:
        if depth > _MAX_NESTING:
            raise _Unreadable
        exponent, result = 1, ONE
        if self._peek() == "/":
            exponent, self._at = -1, self._at + 1
        while True:
            result = result.times(self._component(depth), exponent)
            operator = self._peek()
            if operator not in {".", "/"}:
                return result
            exponent, self._at = (1 if operator == "." else -1), self._at + 1

    def _component(self, depth: int) -> Unit:
        piece = self._peek()
        self._at += 1
        if piece == "(":
            result = self._term(depth + 1)
            if self._peek() != ")":
                raise _Unreadable
            self._at += 1
            return result
        if piece.startswith("{"):
            return ONE
        if piece in {"", ")", ".", "/"}:
            raise _Unreadable
        if self._peek().startswith("{"):
            self._at += 1
        return _component(piece)


def _component(text: str) -> Unit:
    """Read ``10*6``, ``cm2``, ``100`` or ``s-1``."""
    if text.isdigit():
        return Unit(Fraction(int(text)))
    match = _COMPONENT.fullmatch(text)
    if match is None:
        raise _Unreadable
    found = _atom(match["atom"])
    if match["exponent"] is None:
        return found
    exponent = int(match["exponent"])
    if abs(exponent) > _MAX_EXPONENT:
        raise _Unreadable
    return ONE.times(found, exponent)


def _atom(name: str) -> Unit:
    """Read an atom with or without a prefix."""
    table = _table()
    if (found := _defined(name)) is not None:
        return found
    for size in (2, 1):
        prefix, rest = name[:size], name[size:]
        if prefix in table.prefixes and rest in table.metric:
            scaled = _defined(rest)
            if scaled is not None:
                factor = table.prefixes[prefix]
                return Unit(scaled.factor * factor, scaled.dimension, scaled.offset / factor)
    raise _Unreadable


@cache
def _defined(name: str) -> Unit | None:
    """Return the unit of an atom in the table; there are some 300."""
    table = _table()
    if name in table.dimensions:
        return Unit(Fraction(1), ((name, 1),))
    if name not in table.definitions:
        return None
    factor, _, code = table.definitions[name].partition(" ")
    defined = _Reader(code).read()
    return Unit(
        defined.factor * Fraction(factor),
        defined.dimension,
        table.offsets.get(name, Fraction(0)),
    )
