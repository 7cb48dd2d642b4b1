"""Quantities: numbers with units, found as written and in canonical UCUM units.

Spec: https://hl7.org/fhir/R4/search.html#quantity
"""

from decimal import Decimal
from typing import Any

from fhir_server.search.clause import Question, split, unescape
from fhir_server.search.gathered import CanonicalUnit, Gathered, IndexOptions, Writer
from fhir_server.search.params.number import decimal, number_term
from fhir_server.search.tree import Node, NumberTerm, Or, QuantityMatch, QuantityTerm
from fhir_server.search.values import LEAST, MOST, QuantityValue

MODIFIERS: tuple[str, ...] = ()
UCUM = "http://unitsofmeasure.org"
CURRENCIES = "urn:iso:std:iso:4217"
_TYPES = frozenset(
    {"Quantity", "SimpleQuantity", "Age", "Count", "Distance", "Duration", "MoneyQuantity"}
)


def writer(parameter: str, fhir_type: str, options: IndexOptions) -> Writer | None:
    """Return what indexes values of ``fhir_type``; None: the type is no quantity.

    ``SampledData`` is none: it holds a series, not a quantity.
    """
    add = _Adder(parameter, options.canonical_unit)
    if fhir_type in _TYPES:
        return lambda value, into: add.ends(value, _span(value), into)
    if fhir_type == "Money":
        return add.money
    if fhir_type == "Range":
        return add.range
    return None


class _Adder:
    """Adds the entries of one quantity: as written, by unit, and in canonical units."""

    __slots__ = ("_canonical_unit", "_parameter", "_ucum_parameter")

    def __init__(self, parameter: str, canonical_unit: CanonicalUnit | None) -> None:
        self._parameter = parameter
        self._ucum_parameter = parameter + ":ucum"
        self._canonical_unit = canonical_unit

    def ends(self, value: Any, span: tuple[Decimal, Decimal] | None, into: Gathered) -> None:
        """Add a span in the units of ``value``."""
        if span is None:
            return
        low, high = span
        system, code, unit = value.get("system", ""), value.get("code", ""), value.get("unit")
        into.found.append(QuantityValue(self._parameter, system, code, low, high))
        if unit is not None and unit != code:
            into.found.append(QuantityValue(self._parameter, "", unit, low, high))
        if system == UCUM and code and self._canonical_unit is not None:
            found = _canonical(self._canonical_unit, code, low, high)
            if found is not None:
                into.found.append(QuantityValue(self._ucum_parameter, UCUM, *found))

    def money(self, value: Any, into: Gathered) -> None:
        amount = decimal(value.get("value"))
        if amount is not None:
            currency = value.get("currency", "")
            into.found.append(QuantityValue(self._parameter, CURRENCIES, currency, amount, amount))

    def range(self, value: Any, into: Gathered) -> None:
        low, high = value.get("low"), value.get("high")
        span = (_end(low, LEAST), _end(high, MOST))
        if span != (LEAST, MOST):
            self.ends(low or high, span, into)


def _end(quantity: Any, otherwise: Decimal) -> Decimal:
    found = None if quantity is None else decimal(quantity.get("value"))
    return otherwise if found is None else found


def _span(value: Any) -> tuple[Decimal, Decimal] | None:
    """The numbers a quantity may mean: one, or with a comparator all on one side of it."""
    number = decimal(value.get("value"))
    if number is None:
        return None
    comparator = value.get("comparator")
    if comparator is None:
        return number, number
    return (LEAST, number) if comparator[:1] == "<" else (number, MOST)


def _canonical(
    convert: CanonicalUnit, code: str, low: Decimal, high: Decimal
) -> tuple[str, Decimal, Decimal] | None:
    ends: list[Decimal] = []
    unit = ""
    for end in (low, high):
        if end in {LEAST, MOST}:
            ends.append(end)
            continue
        found = convert(end, code)
        if found is None:
            return None
        number, unit = found
        if low == high:
            return unit, number, number
        ends.append(number)
    return unit, ends[0], ends[1]


def match(question: Question) -> Node:
    """Read ``[prefix]number``, ``number|system|code`` or ``number||code``.

    With UCUM units the canonical entries are asked, so that units of one kind are comparable.
    """
    written: list[QuantityTerm] = []
    canonical: list[QuantityTerm] = []
    for value in question.alternatives:
        term = _term(question, value)
        converted = _canonical_term(question, term)
        if converted is None:
            written.append(term)
        else:
            canonical.append(converted)
    parts = [
        QuantityMatch(parameter=question.parameter + derived, values=tuple(terms))
        for derived, terms in (("", written), (":ucum", canonical))
        if terms
    ]
    return parts[0] if len(parts) == 1 else Or(parts=tuple(parts))


def _term(question: Question, value: str) -> QuantityTerm:
    pieces = [unescape(piece) for piece in split(value, "|")]
    number = number_term(pieces[0])
    if number is None or len(pieces) not in {1, 3}:
        raise question.refuse("search-quantity-invalid", found=value)
    system, code = pieces[1:] if len(pieces) > 1 else ("", "")
    return QuantityTerm(number, system or None, code or None)


def _canonical_term(question: Question, term: QuantityTerm) -> QuantityTerm | None:
    convert = question.scope.canonical_unit
    if convert is None or term.system != UCUM or term.code is None:
        return None
    prefix, *numbers = term.number
    converted = [convert(number, term.code) for number in numbers]
    found = [number for number in converted if number is not None]
    if len(found) < len(numbers):
        return None
    value, low, high = (number for number, _ in found)
    return QuantityTerm(NumberTerm(prefix, value, low, high), UCUM, found[0][1])
