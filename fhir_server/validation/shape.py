"""The shape of JSON: array or not, empty, null, aligned ``_name`` siblings, one value of a choice.

Each function here makes the check of one JSON property. The valid case is the fast case: nothing is
built, and what cannot fail for a property is not asked.

Spec: https://hl7.org/fhir/R4/json.html
"""

from collections.abc import Callable
from typing import Any

from fhir_server.model import JsonObject, json_kind
from fhir_server.validation.finding import Finding, Findings, has_error, join, under
from fhir_server.validation.primitive import Scan
from fhir_server.validation.scope import Check, Rule, Scope

ObjectCheck = Callable[[Any, JsonObject, Scope], Findings | None]


def one_object(check_object: ObjectCheck, rules: tuple[Rule, ...]) -> Check:
    """A property with one object."""
    if not rules:
        return check_object

    def check(value: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        found = check_object(value, parent, scope)
        if value.__class__ is dict and value:
            return join(found, all_of(rules, value, None, scope))
        return found

    return check


def many_objects(
    check_object: ObjectCheck, rules: tuple[Rule, ...], limit: int | None, source: str
) -> Check:
    """A property with an array of objects."""
    check_one = one_object(check_object, rules)

    def check(values: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        if values.__class__ is not list:
            fits = values.__class__ is dict and not has_error(check_one(values, parent, scope))
            return [_not_an_array(values, is_item=fits)]
        if not values:
            return [Finding("array-empty", mend=("remove", None))]
        found: Findings | None = None
        index = 0
        for value in values:
            more = check_one(value, parent, scope)
            if more is not None:
                found = under(found, more, index)
            index += 1
        if limit is not None and index > limit:
            found = join(found, [too_many(index, limit, source)])
        return found

    return check


def one_primitive(scan: Scan, rules: tuple[Rule, ...], key: str) -> Check:
    """A property with one scalar; extensions of it lie under ``_key``."""
    sibling_key = "_" + key

    def check_value(value: Any, _parent: JsonObject, scope: Scope) -> Findings | None:
        finding = scan(value)
        return None if finding is None else _marked(finding, value, None, (), scope, scan=scan)

    def check(value: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        finding = scan(value)
        if finding is not None:
            return _marked(finding, value, parent.get(sibling_key), rules, scope, scan=scan)
        found = first(value, parent.get(sibling_key), scope)
        if others:
            return join(found, all_of(others, value, parent.get(sibling_key), scope))
        return found

    if not rules:
        return check_value
    first, others = rules[0], rules[1:]
    return check


def many_primitives(
    scan: Scan, rules: tuple[Rule, ...], key: str, limit: int | None, source: str
) -> Check:
    """A property with an array of scalars; null stands where only ``_key`` has something."""
    sibling_key = "_" + key

    def check(values: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        if values.__class__ is not list:
            fits = scan(values) is None and not all_of(rules, values, None, scope)
            return [_not_an_array(values, is_item=fits)]
        if not values:
            return [Finding("array-empty", mend=("remove", None))]
        siblings = parent.get(sibling_key)
        found: Findings | None = None
        for index, value in enumerate(values):
            sibling = _at(siblings, index)
            if value is None:
                more = [Finding("null-alone", mend=("remove", None))] if sibling is None else None
            elif (finding := scan(value)) is not None:
                more = _marked(finding, value, sibling, rules, scope, scan=scan)
            else:
                more = all_of(rules, value, sibling, scope) if rules else None
            if more is not None:
                found = under(found, more, index)
        if limit is not None and len(values) > limit:
            found = join(found, [too_many(len(values), limit, source)])
        return found

    return check


def one_sibling(check_object: ObjectCheck, rules: tuple[Rule, ...], key: str) -> Check:
    """``_key`` beside one scalar: its id and extensions."""

    def check(value: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        if value.__class__ is list:
            return [Finding("array-unexpected")]
        return _sibling(value, parent.get(key), check_object, rules, scope)

    return check


def many_siblings(check_object: ObjectCheck, rules: tuple[Rule, ...], key: str) -> Check:
    """``_key`` beside an array of scalars: an array of objects and nulls, as long as the other."""

    def check(siblings: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        if siblings.__class__ is not list:
            return [_not_an_array(siblings, is_item=siblings.__class__ is dict and bool(siblings))]
        if not siblings:
            return [Finding("array-empty", mend=("remove", None))]
        values = parent.get(key)
        found: Findings | None = None
        for index, sibling in enumerate(siblings):
            value = _at(values, index)
            if sibling is not None:
                more = _sibling(sibling, value, check_object, rules, scope)
            else:
                more = (
                    [Finding("null-alone", mend=("remove", None))]
                    if value is None and values is None
                    else None
                )
            if more is not None:
                found = under(found, more, index)
        if values.__class__ is list and len(values) != len(siblings):
            misfit = Finding("array-not-aligned", found=len(siblings), expected=len(values))
            found = join(found, [misfit])
        return found

    return check


def only_of_choice(check: Check, key: str, keys: tuple[str, ...], name: str) -> Check:
    """One type of a choice; the first of several present says that they are too many."""
    others = frozenset(keys) - {key}
    first = keys[: keys.index(key)]

    def check_choice(value: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        found = check(value, parent, scope)
        if others.isdisjoint(parent) or not all(earlier not in parent for earlier in first):
            return found
        present = [k for k in keys if k in parent]
        several = Finding("choice-several", found=", ".join(present), name=f"{name}[x]")
        return join(found, [several])

    return check_choice


def too_many(found: int, limit: int, source: str) -> Finding:
    """Report an element that repeats more often than allowed."""
    return Finding("cardinality-max", source=source, found=found, expected=limit)


def not_an_object(
    value: Any, expected: str, check: ObjectCheck | None = None, scope: Scope | None = None
) -> Finding:
    """Report a value that should be an object; a list of a good one can be taken out of it."""
    if value.__class__ is list:
        finding = Finding("array-unexpected")
        if len(value) == 1 and value[0].__class__ is dict and check is not None:
            assert scope is not None  # noqa: S101 # both or none
            if not has_error(check(value[0], {}, scope)):
                finding.mend = ("replace", value[0])
        return finding
    if value is None:
        return Finding("null-alone", mend=("remove", None))
    return Finding("object-expected", found=json_kind(value), expected=expected)


def _not_an_array(value: Any, *, is_item: bool) -> Finding:
    if value is None:
        return Finding("null-alone", mend=("remove", None))
    finding = Finding("array-expected", found=json_kind(value))
    if is_item:
        finding.mend = ("replace", [value])
    return finding


def _marked(
    finding: Finding,
    value: Any,
    sibling: Any,
    rules: tuple[Rule, ...],
    scope: Scope,
    *,
    scan: Scan,
) -> Findings | None:
    """Go on after a mere warning; a wrong scalar is wrong for one reason."""
    if finding.severity == "warning":
        return join([finding], all_of(rules, value, sibling, scope))
    return [_reshaped(finding, value, scan)]


def _reshaped(finding: Finding, value: Any, scan: Scan) -> Finding:
    """Say it plainly where the value is no scalar at all."""
    if value is None:
        return Finding("null-alone", mend=("remove", None))
    if value.__class__ is list:
        reshaped = Finding("array-unexpected")
        if len(value) == 1 and scan(value[0]) is None:
            reshaped.mend = ("replace", value[0])
        return reshaped
    return finding


def _sibling(
    sibling: Any, value: Any, check_object: ObjectCheck, rules: tuple[Rule, ...], scope: Scope
) -> Findings | None:
    """Check the extensions of a scalar; where it has no value, the rules judge that."""
    found = check_object(sibling, {}, scope)
    if sibling.__class__ is not dict or not sibling:
        return found
    if value is not None:
        return _as_beside_a_value(found)
    if sibling.keys() == {"id"}:
        return found
    for rule in rules:
        found = join(found, rule(None, sibling, scope))
    return found


def _as_beside_a_value(found: Findings | None) -> Findings | None:
    """With a value beside it, an id alone is enough."""
    if found is None:
        return None
    kept = [f for f in found if f.steps or f.rule != "element-without-content"]
    return kept or None


def all_of(rules: tuple[Rule, ...], value: Any, sibling: Any, scope: Scope) -> Findings | None:
    """Check one value by some rules, in order."""
    found: Findings | None = None
    for rule in rules:
        more = rule(value, sibling, scope)
        if more is not None:
            found = join(found, more)
    return found


def _at(items: Any, index: int) -> Any:
    return items[index] if items.__class__ is list and index < len(items) else None
