"""Extensions: what their definition says of them, and whether they may stand where they stand.

Spec: https://hl7.org/fhir/R4/extensibility.html and https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from typing import Any

from fhir_server.definitions import Structure
from fhir_server.fhirpath import FhirPathError, compile_expression, node
from fhir_server.model import JsonObject
from fhir_server.validation import shape
from fhir_server.validation.extension_context import Claim, judge_locally
from fhir_server.validation.finding import Finding, Findings, join, under
from fhir_server.validation.known_extension import Extensions, KnownExtension
from fhir_server.validation.reference_target import is_absolute
from fhir_server.validation.scope import Check, Scope

_EXTENSION = "Extension"


class ExtensionList:
    """Checks ``extension`` or ``modifierExtension`` of elements of one type.

    Args:
        holder: The type around it, or the path of an element with children of its own.
    """

    def __init__(self, extensions: Extensions, holder: str, *, is_modifier: bool) -> None:
        self._table = extensions.table
        self._find = extensions.find
        self._value_checks = extensions.value_checks
        self._holder = holder
        self._is_modifier = is_modifier
        self._check_object = extensions.table.type_check(_EXTENSION)

    def check(self, values: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        """Check the array; what the definitions say comes after the shape."""
        if values.__class__ is not list or not values:
            return _ARRAY(values, parent, scope)
        found: Findings | None = None
        for index, value in enumerate(values):
            more = self._check_simple(value, parent, scope)
            if more is _NOT_SIMPLE:
                more = self._check_object(value, parent, scope)
                if value.__class__ is dict and value:
                    more = join(more, self._check_one(value, parent, scope))
            if more is not None:
                found = under(found, more, index)
        return found

    def _check_simple(self, value: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        """The commonest case written out: a known url beside one value of an allowed type.

        Whatever else could be wrong with an extension cannot be wrong with such a one; it takes
        3 µs instead of 11, and a national Patient has ten.
        """
        if value.__class__ is not dict or len(value) != _URL_AND_VALUE:
            return _NOT_SIMPLE  # type: ignore[no-any-return] # a mark, told apart by identity
        url = value.get("url")
        if url.__class__ is not str:
            return _NOT_SIMPLE  # type: ignore[no-any-return] # a mark, told apart by identity
        first, second = value
        key = second if first == "url" else first
        known = self._find(url)
        if known is None:
            return self._check_simple_part(value, url, key, parent, scope)
        check = known.values.get(key)
        if check is None:
            return _NOT_SIMPLE  # type: ignore[no-any-return] # a mark, told apart by identity
        found = self._check_place(value, known, parent, scope)
        return join(found, check(value[key], value, scope))

    def _check_simple_part(
        self, value: JsonObject, url: str, key: str, parent: JsonObject, scope: Scope
    ) -> Findings | None:
        """The same for a part of a complex extension that defines one of this name."""
        around = parent.get("url") if self._holder == _EXTENSION and ":" not in url else None
        known = self._find(around) if around.__class__ is str else None
        check = self._value_checks().get(key)
        if known is None or url not in known.parts or check is None:
            return _NOT_SIMPLE  # type: ignore[no-any-return] # a mark, told apart by identity
        found = check(value[key], value, scope)
        return None if found is None else under(None, found, (key, "value"))

    def _check_one(self, value: JsonObject, parent: JsonObject, scope: Scope) -> Findings | None:
        has_value = not value.keys() <= _NO_VALUE
        if has_value == ("extension" in value):
            return [Finding("extension-value-or-parts", source="ext-1", found=value.get("url"))]
        url = value.get("url")
        if url.__class__ is not str:
            return None
        known = self._find(url)
        if known is not None:
            found = self._check_place(value, known, parent, scope)
            return (
                found if known.overlay is None else join(found, known.overlay(value, None, scope))
            )
        if self._holder == _EXTENSION and not is_absolute(url):
            return self._check_part(url, parent, scope)
        if not is_absolute(url):
            return [Finding("extension-url-relative", found=url, at=(("url", "url"),))]
        severity = self._table.options.unknown_extension
        if self._is_modifier and severity == "information":
            severity = "warning"
        return [Finding("extension-unknown", severity=severity, found=url)]

    def _check_part(self, url: str, parent: JsonObject, scope: Scope) -> Findings | None:
        """A relative URL is a part of the complex extension around it."""
        around = parent.get("url")
        known = self._find(around) if isinstance(around, str) else None
        if known is None or url in known.parts:
            return None
        return [
            Finding(
                "extension-part-unknown",
                source=known.structure.url,
                found=url,
                expected=", ".join(sorted(known.parts)),
                suggestions=scope.run.nearest(url, known.parts),
            )
        ]

    def _check_place(
        self, value: JsonObject, known: KnownExtension, parent: JsonObject, scope: Scope
    ) -> Findings | None:
        """Check that the extension may stand here."""
        found: Findings | None = None
        structure = known.structure
        if structure.root.is_modifier != self._is_modifier:
            rule = (
                "extension-must-modify" if structure.root.is_modifier else "extension-modifies-not"
            )
            found = [Finding(rule, source=structure.url, found=structure.url)]
        may_stand = known.verdicts.get(self._holder, _UNASKED)
        if may_stand is _UNASKED:
            may_stand = judge_locally(structure, self._holder, self._table.registry.types)
            known.verdicts[self._holder] = may_stand
        if may_stand is not True:
            found = join(found, self._claim(structure, parent))
        if structure.context_invariants:
            found = join(found, self._check_invariants(value, structure, parent, scope))
        return found

    def _check_invariants(
        self, value: JsonObject, structure: Structure, parent: JsonObject, scope: Scope
    ) -> Findings | None:
        """Check what the definition asks of the element around it, which is the focus."""
        found: Findings = []
        variables = {"extension": [node(value, _EXTENSION)]}
        for text in structure.context_invariants:
            try:
                expression = compile_expression(text, self._table.registry.types)
                env = self._table.environment(scope, variables)
                if expression.holds(node(parent, self._holder), env):
                    continue
            except FhirPathError as error:
                reason = str(error)
                found.append(Finding("invariant-not-checked", key=text, found=reason))
                continue
            found.append(
                Finding(
                    "extension-context-invariant",
                    source=structure.url,
                    found=structure.url,
                    expected=text,
                )
            )
        return found or None

    def _claim(self, structure: Structure, parent: JsonObject) -> Findings | None:
        """Leave the verdict to the resource, where the whole path is known."""
        around = parent.get("url") if self._holder == _EXTENSION else None
        if ("extension", around) in structure.contexts:
            return None
        expected = ", ".join(expression for _, expression in structure.contexts)
        return [
            Finding(
                "extension-context",
                source=structure.url,
                found=structure.url,
                expected=expected,
                claim=Claim(structure),
            )
        ]


_NO_VALUE = frozenset(("id", "url", "_url", "extension"))
_UNASKED: Any = object()
_NOT_SIMPLE: Any = object()
_URL_AND_VALUE = 2


def _never(_value: Any, _parent: JsonObject, _scope: Scope) -> None:
    return None


_ARRAY: Check = shape.many_objects(_never, (), None, "")
