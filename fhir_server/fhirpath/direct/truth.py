"""Truths straight over JSON: what invariants and criteria ask of values.

Each answers true, false or nothing (None), as the operator or function of FHIRPath does; where it
would stop with a fault, `Irregular` leaves the fault to the general evaluation.

Spec: http://hl7.org/fhirpath/N1/#operations and http://hl7.org/fhirpath/N1/#existence
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from time import time
from typing import Any

from fhir_server.fhirpath import tree as nodes
from fhir_server.fhirpath.arithmetic import shift
from fhir_server.fhirpath.direct.source import Irregular, Items, Source, Truth
from fhir_server.fhirpath.environment import Env
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.temporal import Temporal, compare, temporal
from fhir_server.fhirpath.tree import CALENDAR_UNITS

Moment = Callable[[Any, Env], Temporal | None]


def single(source: Source) -> Truth:
    """Take a path for a Boolean: its only item, true where that is none."""
    inner = source.items

    def truth(value: Any, env: Env) -> bool | None:
        items = inner(value, env)
        if not items:
            return None
        if len(items) > 1 or items[0] is None:
            raise Irregular
        return items[0] is not False

    return truth


def empty(source: Source) -> Truth:
    """Say whether there is nothing."""
    some = source.some
    return lambda value, env: not some(value, env)


def all_of(source: Source, criteria: Truth) -> Truth:
    """Say whether every value meets the criteria."""
    inner = source.items

    def truth(value: Any, env: Env) -> bool:
        for item in inner(value, env):  # noqa: SIM110 # half the time of all() over a generator
            if not criteria(item, env):
                return False
        return True

    return truth


def has_value(source: Source) -> Truth:
    """Say whether the only value of a path to primitives is one."""
    inner = source.items

    def truth(value: Any, env: Env) -> bool:
        items = inner(value, env)
        return len(items) == 1 and items[0] is not None

    return truth


def counted(source: Source, decide: Callable[[int], bool]) -> Truth:
    """Compare the number of values with a literal."""
    inner = source.items
    return lambda value, env: decide(len(inner(value, env)))


def not_(inner: Truth) -> Truth:
    """Turn true and false around."""

    def truth(value: Any, env: Env) -> bool | None:
        answer = inner(value, env)
        return None if answer is None else not answer

    return truth


def equals_text(source: Source, texts: frozenset[str]) -> Truth:
    """Compare with a text: ``use = 'official'``, or with each of several joined by ``or``."""
    if source.key is not None:
        return _property_equals_text(source, texts)
    inner = source.items

    def truth(value: Any, env: Env) -> bool | None:
        items = inner(value, env)
        if not items:
            return None
        if len(items) > 1:
            return False
        if items[0].__class__ is not str:
            raise Irregular
        return items[0] in texts

    return truth


def _property_equals_text(source: Source, texts: frozenset[str]) -> Truth:
    """The commonest criteria written out: one property, no list around it."""
    key, inner = str(source.key), source.items
    sibling = f"_{key}"

    def truth(value: Any, env: Env) -> bool | None:
        found = value.get(key)
        if found.__class__ is str:
            if sibling in value:
                raise Irregular
            return found in texts
        items = inner(value, env)
        if not items:
            return None
        raise Irregular

    return truth


def equals_boolean(source: Source, expected: bool) -> Truth:
    """Compare with ``true`` or ``false``."""
    inner = source.items

    def truth(value: Any, env: Env) -> bool | None:
        items = inner(value, env)
        if not items:
            return None
        if items[0] is None:
            raise Irregular
        return len(items) == 1 and items[0] is expected

    return truth


def on_text(source: Source, decide: Callable[[str], bool]) -> Truth:
    """Ask something of the only value, which is a text."""
    inner = source.items

    def truth(value: Any, env: Env) -> bool | None:
        items = inner(value, env)
        if not items:
            return None
        if len(items) > 1 or items[0].__class__ is not str:
            raise Irregular
        return decide(items[0])

    return truth


def on_number(source: Source, decide: Callable[[Any], bool]) -> Truth:
    """Ask something of the only value, which is a number."""
    inner = source.items

    def truth(value: Any, env: Env) -> bool | None:
        items = inner(value, env)
        if not items:
            return None
        if len(items) > 1 or items[0].__class__ not in _NUMBERS:
            raise Irregular
        return decide(items[0])

    return truth


_NUMBERS = frozenset((int, Decimal))


def distinct(source: Source) -> Truth:
    """Say whether no two of the texts are the same."""
    inner = source.items

    def truth(value: Any, env: Env) -> bool:
        items = inner(value, env)
        for item in items:
            if item.__class__ is not str:
                raise Irregular
        return len(set(items)) == len(items)

    return truth


def on_date(source: Source, decide: Callable[[str], bool]) -> Truth:
    """Ask something of the text of the only value, which is a date."""

    def decide_date(text: str) -> bool:
        if temporal("date", text) is None:
            raise Irregular
        return decide(text)

    return on_text(source, decide_date)


# Logic (http://hl7.org/fhirpath/N1/#boolean-logic)


def and_(one: Truth, other: Truth) -> Truth:
    """True where both are, false where one is false."""

    def truth(value: Any, env: Env) -> bool | None:
        first = one(value, env)
        if first is False:
            return False
        second = other(value, env)
        return second if first or second is False else None

    return truth


def or_(one: Truth, other: Truth) -> Truth:
    """True where one is, false where both are false."""

    def truth(value: Any, env: Env) -> bool | None:
        first = one(value, env)
        if first:
            return True
        second = other(value, env)
        return second if first is False or second else None

    return truth


def implies(one: Truth, other: Truth) -> Truth:
    """True where the first is false or the second true."""

    def truth(value: Any, env: Env) -> bool | None:
        first = one(value, env)
        if first is False:
            return True
        second = other(value, env)
        return second if first or second else None

    return truth


def xor(one: Truth, other: Truth) -> Truth:
    """True where exactly one is."""

    def truth(value: Any, env: Env) -> bool | None:
        first, second = one(value, env), other(value, env)
        return None if first is None or second is None else first is not second

    return truth


def same(one: Truth, other: Truth) -> Truth:
    """Compare two truths with ``=``."""
    return not_(xor(one, other))


# Moments (http://hl7.org/fhirpath/N1/#comparison)


def moment(items: Items, fhir_type: str) -> Moment:
    """Read the only value of a path to dates or times."""
    is_date = fhir_type == "date"

    def read(value: Any, env: Env) -> Temporal | None:
        found = items(value, env)
        if not found:
            return None
        if len(found) > 1 or found[0].__class__ is not str:
            raise Irregular
        read = temporal("date" if is_date else "dateTime", found[0])
        if read is None:
            raise Irregular
        return read

    return read


def today(_value: Any, env: Env) -> Temporal | None:
    """Return the day of the evaluation."""
    if env.now is not None:
        return temporal("date", env.now.date().isoformat())
    return _day(int(time() // _SECONDS_OF_DAY))


_SECONDS_OF_DAY = 86_400


@lru_cache(maxsize=2)
def _day(days: int) -> Temporal | None:
    """Return a day counted from 1970, which is UTC's of one moment after the other."""
    return temporal("date", datetime.fromtimestamp(days * _SECONDS_OF_DAY, UTC).date().isoformat())


def now(_value: Any, env: Env) -> Temporal | None:
    """Return the instant of the evaluation, to the millisecond."""
    instant = env.now or datetime.now(UTC)
    return temporal("dateTime", instant.isoformat(timespec="milliseconds"))


def earlier(inner: Moment, span: nodes.Quantity) -> Moment:
    """Go back from a moment by a calendar duration such as ``14 years``."""
    unit = CALENDAR_UNITS[span.unit] if span.is_calendar else span.unit
    quantity = Quantity(Decimal(span.number.text), unit, span.is_calendar)

    last: tuple[Temporal | None, Temporal | None] = (None, None)

    def read(value: Any, env: Env) -> Temporal | None:
        nonlocal last
        found = inner(value, env)
        before, moved = last  # of today it is the same all day
        if found is not before:
            moved = None if found is None else shift(found, quantity, -1)
            if found is not None and not isinstance(moved, Temporal):
                raise Irregular
            last = (found, moved)
        return moved

    return read


def before(one: Moment, other: Moment, decide: Callable[[int], bool]) -> Truth:
    """Compare two moments; nothing where one is missing or their precision leaves it open."""

    def truth(value: Any, env: Env) -> bool | None:
        first, second = one(value, env), other(value, env)
        if first is None or second is None:
            return None
        order = compare(first, second)
        return None if order is None else decide(order)

    return truth
