"""Numbers, compared with the precision they are written in.

Spec: https://hl7.org/fhir/R4/search.html#number
"""

import re
from decimal import Context, Decimal
from typing import Any

from fhir_server.search.clause import Question, unescape
from fhir_server.search.gathered import Gathered, IndexOptions, Writer
from fhir_server.search.params.prefix import split_prefix
from fhir_server.search.tree import Node, NumberMatch, NumberTerm
from fhir_server.search.values import LEAST, MOST, NumberValue

MODIFIERS: tuple[str, ...] = ()
_TYPES = frozenset({"integer", "decimal", "positiveInt", "unsignedInt"})
_TEXT = re.compile(r"[+ -]?([0-9]{1,40})(\.[0-9]{1,40})?(?:[eE]([+ -]?[0-9]{1,2}))?")
"""A blank is taken for the ``+`` that a form decoder made a blank of."""
_TENTH = Decimal("0.1")
_EXACT = Context(prec=200)
"""Digits enough for any number that `_TEXT` takes."""


def writer(parameter: str, fhir_type: str, _: IndexOptions) -> Writer | None:
    """Return what indexes values of ``fhir_type``; None: the type is no number."""
    if fhir_type == "Range":
        return _range_writer(parameter)
    if fhir_type not in _TYPES:
        return None

    def write(value: Any, into: Gathered) -> None:
        number = decimal(value)
        if number is not None:
            into.found.append(NumberValue(parameter, number, number))

    return write


def _range_writer(parameter: str) -> Writer:
    def write(value: Any, into: Gathered) -> None:
        low = decimal((value.get("low") or {}).get("value"))
        high = decimal((value.get("high") or {}).get("value"))
        if low is not None or high is not None:
            into.found.append(
                NumberValue(
                    parameter, LEAST if low is None else low, MOST if high is None else high
                )
            )

    return write


def decimal(value: Any) -> Decimal | None:
    """Return a JSON number as a decimal; None: it is none."""
    if value.__class__ is Decimal:
        return value
    return Decimal(value) if value.__class__ is int else None


def match(question: Question) -> Node:
    """Read numbers, with prefixes."""
    terms = []
    for value in question.alternatives:
        term = number_term(unescape(value))
        if term is None:
            raise question.refuse("search-number-invalid", found=value)
        terms.append(term)
    return NumberMatch(parameter=question.parameter, values=tuple(terms))


def number_term(text: str) -> NumberTerm | None:
    """Read ``[prefix]number``; None: it is no number.

    The interval is half a unit of the last digit to each side: 100 is [99.5, 100.5). With an
    exponent the specification's own example, 1e2 as [95, 105), counts one digit more than is
    written; that is followed where the number before the exponent has no point.
    """
    prefix, text = split_prefix(text)
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    _, point, exponent = found.groups()
    value = Decimal(text.replace(" ", "+"))
    if prefix == "ap":
        slack = _EXACT.multiply(value.copy_abs(), _TENTH)
    else:
        last_digit = int(exponent or 0) - (len(point) - 1 if point else 0)
        if exponent is not None and point is None:
            last_digit -= 1
        slack = Decimal(5).scaleb(last_digit - 1, _EXACT)
    return NumberTerm(prefix, value, _EXACT.subtract(value, slack), _EXACT.add(value, slack))
