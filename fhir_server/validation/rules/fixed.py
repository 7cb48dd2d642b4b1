"""Fixed values and patterns: the value must be the same, or must contain it.

Spec: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_
"""

from collections.abc import Callable
from functools import partial
from operator import eq
from typing import Any

from fhir_server.definitions import Element
from fhir_server.model import encode
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.place import Place
from fhir_server.validation.scope import Rule, Scope
from fhir_server.validation.suggestion import mistyped

Test = Callable[[Any], bool]


def compile_rule(element: Element, place: Place) -> Rule | None:
    """Compare with ``fixed[x]`` or ``pattern[x]`` where the element has one of its own."""
    if element.fixed is not None:
        if any(other.fixed == element.fixed for other in place.inherited):
            return None
        return _rule("fixed-value", element.fixed.value, same_as, place.source(element))
    if element.pattern is None or any(
        element.pattern in (other.pattern, other.fixed) for other in place.inherited
    ):
        return None
    return _rule("pattern-value", element.pattern.value, containing, place.source(element))


def equals(value: Any, expected: Any) -> bool:
    """Say whether two JSON values are the same in every detail, decimals by their digits."""
    if expected.__class__ in _COMPOUND:
        if isinstance(expected, dict):
            return (
                isinstance(value, dict)
                and value.keys() == expected.keys()
                and all(equals(value[key], item) for key, item in expected.items())
            )
        return (
            isinstance(value, list)
            and len(value) == len(expected)
            and all(map(equals, value, expected))
        )
    return value == expected and (value.__class__ is bool) == (expected.__class__ is bool)


def contains(value: Any, pattern: Any) -> bool:
    """Say whether ``value`` has all that ``pattern`` has, array items in any order."""
    return containing(pattern)(value)


def same_as(expected: Any) -> Test:
    """Return `equals` for one value, which is looked at once."""
    if expected.__class__ is str:
        return partial(eq, expected)
    return lambda value: equals(value, expected)


def containing(pattern: Any) -> Test:
    """Return `contains` for one pattern, which is looked at once."""
    if isinstance(pattern, dict):
        parts = tuple((key, containing(item)) for key, item in pattern.items())
        return lambda value: _has_parts(value, parts)
    if isinstance(pattern, list):
        items = tuple(containing(item) for item in pattern)
        return lambda value: (
            isinstance(value, list) and all(True in map(item, value) for item in items)
        )
    return same_as(pattern)


def _has_parts(value: Any, parts: tuple[tuple[str, Test], ...]) -> bool:
    if value.__class__ is not dict:
        return False
    for key, holds in parts:  # noqa: SIM110 # a generator takes twice the time
        if key not in value or not holds(value[key]):
            return False
    return True


_COMPOUND = frozenset((dict, list))


def _rule(rule: str, expected: Any, test: Callable[[Any], Test], source: str) -> Rule:
    holds = test(expected)

    def check(value: Any, _sibling: Any, _scope: Scope) -> Findings | None:
        if value is None or holds(value):
            return None
        finding = Finding(rule, source=source, found=_show(value), expected=_show(expected))
        if not isinstance(expected, dict):
            finding.suggestions = (str(expected),)
            if mistyped(str(value), (str(expected),)) is not None:
                finding.mend = ("replace", expected)
        return [finding]

    return check


def _show(value: Any) -> str:
    return value if isinstance(value, str) else encode(value).decode()
