"""The base walk: one plan per type and per element with children, made on first use.

A plan is a table from JSON property to check. It answers what holds for every instance of the type:
known properties, JSON shape, primitive syntax, cardinality, choices, and by `RULES` what the base
definition says of each value.
"""

from typing import Any

from fhir_server.definitions import Element, Structure
from fhir_server.model import JsonObject
from fhir_server.validation import shape
from fhir_server.validation.finding import Finding, Findings, Step, has_error, join, under
from fhir_server.validation.place import source_of
from fhir_server.validation.scope import Check, Plans, Rule, Scope
from fhir_server.validation.suggestion import safe_choice


class ObjectPlan:
    """Checks JSON objects of one type, or of one element with children of its own.

    Attributes:
        fhir_type: The type, or the path of the element.
    """

    __slots__ = (
        "_checks", "_choices", "_element", "_is_element", "_required", "_rules", "_steps",
        "_structure", "_table", "fhir_type",
    )  # fmt: skip

    def __init__(self, table: Plans, structure: Structure, element: Element) -> None:
        self.fhir_type = element.path
        self._table = table
        self._structure = structure
        self._element = element
        self._is_element = structure.kind != "resource" or element is not structure.root
        self._checks: dict[str, Check] | None = None
        self._steps: dict[str, Step] = {}
        self._required: frozenset[str] = frozenset()
        self._choices: tuple[tuple[Element, tuple[str, ...]], ...] = ()
        self._rules: tuple[Rule, ...] = ()

    def check(self, value: Any, _parent: JsonObject, scope: Scope) -> Findings | None:
        """Check one object; its own invariants come after what lies in it."""
        if value.__class__ is not dict:
            return [shape.not_an_object(value, self.fhir_type, self.check, scope)]
        checks = self._checks
        if checks is None:
            checks = self._compile()
        found: Findings | None = None
        for key, item in value.items():
            check = checks.get(key)
            more = (
                [self._unknown(key, value, scope)] if check is None else check(item, value, scope)
            )
            if more is not None:
                found = under(found, more, self._steps.get(key, (key, key)))
        if self._choices or not self._required <= value.keys():
            found = join(found, self._missing(value))
        if self._is_element and (len(value) <= 1 or found is not None):
            if not value or value.keys() == {"id"}:
                empty = Finding("element-without-content", source="ele-1", mend=("remove", None))
                return join(found, [empty])
            if has_error(found):
                return found
        rules = self._rules
        return join(found, shape.all_of(rules, value, None, scope)) if rules else found

    def _missing(self, value: JsonObject) -> Findings | None:
        found: Findings = []
        for element in self._element.children:
            name = element.name
            if name in self._required and name not in value and f"_{name}" not in value:
                found.append(missing(element, source_of(self._structure, element), 0))
        for element, keys in self._choices:
            if not any(key in value or f"_{key}" in value for key in keys):
                found.append(missing(element, source_of(self._structure, element), 0))
        return found or None

    def _unknown(self, key: str, value: JsonObject, scope: Scope) -> Finding:
        checks = self._checks or {}
        is_sibling = key[:1] == "_"
        candidates = [known for known in checks if (known[0] == "_") == is_sibling]
        suggestions = scope.run.nearest(key, candidates)
        if key == "fhir_comments":
            return Finding("comments-not-allowed", mend=("remove", None))
        finding = Finding(
            "property-unknown",
            suggestions=suggestions,
            found=key,
            expected=self.fhir_type,
        )
        choice = safe_choice(key, suggestions)
        if choice is not None and choice not in value:
            renamed = {choice if name == key else name: item for name, item in value.items()}
            if not has_error(checks[choice](value[key], renamed, scope)):
                finding.mend = ("rename", choice)
        return finding

    def _compile(self) -> dict[str, Check]:
        checks: dict[str, Check] = {}
        choices = []
        if not self._is_element:
            checks["resourceType"] = _anything
            self._steps["resourceType"] = ("resourceType", "resourceType")
        for element in self._element.children:
            made = self._table.properties(element, self._structure, self._element)
            checks.update(made)
            self._steps.update((key, (key, element.name)) for key in made)
            if element.min and element.is_choice:
                choices.append((element, tuple(key for key in made if key[0] != "_")))
        self._required = frozenset(
            e.name for e in self._element.children if e.min and not e.is_choice
        )
        self._choices = tuple(choices)
        self._rules = self._table.rules(self._element, self._structure, self.fhir_type)
        self._checks = checks
        return checks


def missing(element: Element, source: str, found: int) -> Finding:
    """Report an element that is there less often than it must be."""
    name = element.name + ("[x]" if element.is_choice else "")
    if element.slice_name:
        name += f":{element.slice_name}"
    finding = Finding(
        "cardinality-min", source=source, name=name, found=found, expected=element.min
    )
    only = element.fixed or element.pattern
    if only is not None and _is_plain(element) and not isinstance(only.value, dict | list):
        finding.mend = ("add", (element.name, only.value))
    return finding


def _is_plain(element: Element) -> bool:
    """Say whether one value stands under the element's own name, whatever type it has."""
    is_single = element.base_max == 1 and not element.is_choice
    return is_single and element.slice_name is None


def _anything(_value: Any, _parent: JsonObject, _scope: Scope) -> None:
    return None
