"""Operators: equality, comparison, logic, membership, arithmetic.

Spec: http://hl7.org/fhirpath/N1/#operations
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from fhir_server.fhirpath import calculation
from fhir_server.fhirpath.compiled import (
    Collection,
    Compiled,
    Truth,
    from_many,
    from_truth,
    single,
)
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.functions.existence import without_duplicates
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.number import MAX_TEXT
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.temporal import Temporal
from fhir_server.fhirpath.value import (
    QUANTITY_TYPES,
    TEMPORAL_TYPES,
    compare,
    equal,
    equivalent,
    key,
    plain,
    wrap,
)

Operator = Callable[[Compiled, Compiled, int], Compiled]


def _reads_scope(left: Compiled, right: Compiled) -> bool:
    return left.reads_scope or right.reads_scope


def _truth(left: Compiled, right: Compiled, truth: Truth) -> Compiled:
    return from_truth(truth, reads_scope=_reads_scope(left, right))


# Equality (http://hl7.org/fhirpath/N1/#equality)


def _equals(left: Compiled, right: Compiled) -> Truth:
    one, other = left.many, right.many
    literal = _text_constant(right)
    if literal is not None:
        return _equals_text(one, literal)

    def truth(focus: Collection, scope: Scope) -> bool | None:
        return equal(one(focus, scope), other(focus, scope))

    return truth


def _text_constant(compiled: Compiled) -> Node | None:
    constant = compiled.constant
    if constant is None or len(constant) != 1 or not isinstance(constant[0].value, str):
        return None
    return constant[0]


def _equals_text(many: Callable[[Collection, Scope], Collection], literal: Node) -> Truth:
    """``use = 'official'`` is what most criteria are: no conversion, no second collection."""
    text = literal.value

    def truth(focus: Collection, scope: Scope) -> bool | None:
        items = many(focus, scope)
        if len(items) == 1:
            item = items[0]
            if item.value.__class__ is str and item.fhir_type not in TEMPORAL_TYPES:
                return bool(item.value == text)
        return equal(items, [literal])

    return truth


def _equal(left: Compiled, right: Compiled, _offset: int) -> Compiled:
    return _truth(left, right, _equals(left, right))


def _not_equal(left: Compiled, right: Compiled, _offset: int) -> Compiled:
    equals = _equals(left, right)

    def truth(focus: Collection, scope: Scope) -> bool | None:
        answer = equals(focus, scope)
        return None if answer is None else not answer

    return _truth(left, right, truth)


def _equivalent(left: Compiled, right: Compiled, offset: int) -> Compiled:
    one, other = left.many, right.many

    def truth(focus: Collection, scope: Scope) -> bool:
        mine, others = one(focus, scope), other(focus, scope)
        scope.run.spend(len(mine) * len(others), offset)
        return equivalent(mine, others)

    return _truth(left, right, truth)


def _not_equivalent(left: Compiled, right: Compiled, offset: int) -> Compiled:
    same = _equivalent(left, right, offset).truth

    def truth(focus: Collection, scope: Scope) -> bool:
        return not same(focus, scope)

    return _truth(left, right, truth)


# Comparison (http://hl7.org/fhirpath/N1/#comparison)


def _comparison(symbol: str, decide: Callable[[int], bool]) -> Operator:
    def build(left: Compiled, right: Compiled, offset: int) -> Compiled:
        one, other = left.many, right.many

        def truth(focus: Collection, scope: Scope) -> bool | None:
            first = single(one(focus, scope), offset, symbol)
            second = single(other(focus, scope), offset, symbol)
            if first is None or second is None:
                return None
            order = compare(first, second, symbol, offset)
            return None if order is None else decide(order)

        return _truth(left, right, truth)

    return build


# Logic (http://hl7.org/fhirpath/N1/#boolean-logic)


def _and(left: Compiled, right: Compiled, _offset: int) -> Compiled:
    one, other = left.truth, right.truth

    def truth(focus: Collection, scope: Scope) -> bool | None:
        first = one(focus, scope)
        if first is False:
            return False
        second = other(focus, scope)
        return second if first or second is False else None

    return _truth(left, right, truth)


def _or(left: Compiled, right: Compiled, _offset: int) -> Compiled:
    one, other = left.truth, right.truth

    def truth(focus: Collection, scope: Scope) -> bool | None:
        first = one(focus, scope)
        if first:
            return True
        second = other(focus, scope)
        return second if first is False or second else None

    return _truth(left, right, truth)


def _xor(left: Compiled, right: Compiled, _offset: int) -> Compiled:
    one, other = left.truth, right.truth

    def truth(focus: Collection, scope: Scope) -> bool | None:
        first, second = one(focus, scope), other(focus, scope)
        return None if first is None or second is None else first is not second

    return _truth(left, right, truth)


def _implies(left: Compiled, right: Compiled, _offset: int) -> Compiled:
    one, other = left.truth, right.truth

    def truth(focus: Collection, scope: Scope) -> bool | None:
        first = one(focus, scope)
        if first is False:
            return True
        second = other(focus, scope)
        return second if first or second else None

    return _truth(left, right, truth)


# Collections (http://hl7.org/fhirpath/N1/#collections-2)


def _in(left: Compiled, right: Compiled, offset: int) -> Compiled:
    one, other = left.many, right.many

    def truth(focus: Collection, scope: Scope) -> bool | None:
        item = single(one(focus, scope), offset, "in")
        if item is None:
            return None
        wanted, others = key(item), other(focus, scope)
        scope.run.spend(len(others), offset)
        return any(key(candidate) == wanted for candidate in others)

    return _truth(left, right, truth)


def _contains(left: Compiled, right: Compiled, offset: int) -> Compiled:
    return _in(right, left, offset)


def _union(left: Compiled, right: Compiled, offset: int) -> Compiled:
    one, other = left.many, right.many

    def many(focus: Collection, scope: Scope) -> Collection:
        first, second = one(focus, scope), other(focus, scope)
        scope.run.spend(len(first) + len(second), offset)
        return without_duplicates(first + second if first else second)

    def some(focus: Collection, scope: Scope) -> bool:
        return left.some(focus, scope) or right.some(focus, scope)

    return from_many(many, offset, some=some, reads_scope=_reads_scope(left, right))


# Arithmetic (http://hl7.org/fhirpath/N1/#math-2)


def _arithmetic(symbol: str, compute: Callable[[Any, Any], Any]) -> Operator:
    """Make an operator of a function that returns NotImplemented for types it does not take."""

    def build(left: Compiled, right: Compiled, offset: int) -> Compiled:
        one, other = left.many, right.many

        def many(focus: Collection, scope: Scope) -> Collection:
            first = single(one(focus, scope), offset, symbol)
            second = single(other(focus, scope), offset, symbol)
            if first is None or second is None:
                return []
            result = _compute(first, second)
            if result is NotImplemented:
                raise Fault(
                    "fhirpath-operand",
                    offset,
                    function=symbol,
                    found=f"{_describe(first)} {symbol} {_describe(second)}",
                    expected="Integer, Decimal, Quantity, String, Date, DateTime, Time",
                )
            return [] if result is None else [wrap(result)]

        return from_many(many, offset, reads_scope=_reads_scope(left, right))

    def _compute(first: Node, second: Node) -> Any:
        value, operand = plain(first), plain(second)
        if value is None or operand is None:
            return None
        if isinstance(value, bool) or isinstance(operand, bool):
            return NotImplemented
        if isinstance(value, Temporal) and second.fhir_type in QUANTITY_TYPES:
            operand = operand.in_calendar() if isinstance(operand, Quantity) else operand
        try:
            return compute(value, operand)
        except ArithmeticError:
            return None

    return build


def _describe(item: Node) -> str:
    return str(item.value) if isinstance(item.value, Quantity) else item.fhir_type


def _concatenate(left: Compiled, right: Compiled, offset: int) -> Compiled:
    one, other = left.many, right.many

    def text(items: Collection) -> str:
        item = single(items, offset, "&")
        if item is None or item.value is None:
            return ""
        if not isinstance(item.value, str):
            raise Fault(
                "fhirpath-operand", offset, function="&", found=item.fhir_type, expected="String"
            )
        return item.value

    def many(focus: Collection, scope: Scope) -> Collection:
        first, second = text(one(focus, scope)), text(other(focus, scope))
        if len(first) + len(second) > MAX_TEXT:
            raise Fault(
                "fhirpath-argument",
                offset,
                function="&",
                found=len(first) + len(second),
                expected=f"<= {MAX_TEXT}",
            )
        return [Node(first + second, "System.String")]

    return from_many(many, offset, reads_scope=_reads_scope(left, right))


def compile_sign(operand: Compiled, symbol: str, offset: int) -> Compiled:
    """Compile ``-operand`` and ``+operand``."""
    inner = operand.many

    def many(focus: Collection, scope: Scope) -> Collection:
        item = single(inner(focus, scope), offset, symbol)
        if item is None:
            return []
        value = plain(item)
        if isinstance(value, bool) or not isinstance(value, int | Decimal | Quantity):
            raise Fault(
                "fhirpath-operand",
                offset,
                function=symbol,
                found=item.fhir_type,
                expected="Integer, Decimal, Quantity",
            )
        if symbol == "+":
            return [item]
        if isinstance(value, Quantity):
            return [wrap(Quantity(-value.value, value.unit, value.is_calendar))]
        return [wrap(-value)]

    return from_many(many, offset, reads_scope=operand.reads_scope)


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "=": _equal,
        "!=": _not_equal,
        "~": _equivalent,
        "!~": _not_equivalent,
        "<": _comparison("<", lambda order: order < 0),
        "<=": _comparison("<=", lambda order: order <= 0),
        ">": _comparison(">", lambda order: order > 0),
        ">=": _comparison(">=", lambda order: order >= 0),
        "and": _and,
        "or": _or,
        "xor": _xor,
        "implies": _implies,
        "in": _in,
        "contains": _contains,
        "|": _union,
        "+": _arithmetic("+", calculation.add),
        "-": _arithmetic("-", calculation.subtract),
        "*": _arithmetic("*", calculation.multiply),
        "/": _arithmetic("/", calculation.divide),
        "div": _arithmetic("div", calculation.divide_whole),
        "mod": _arithmetic("mod", calculation.remainder),
        "&": _concatenate,
    }
)
"""The compilers of the binary operators, but for ``is`` and ``as``, which take a type."""
