"""Bindings: codes come from a value set, by the strength of the binding.

Spec: https://hl7.org/fhir/R4/terminologies.html#strength
"""

from collections.abc import Sequence
from typing import Any, Literal

from fhir_server.definitions import Element
from fhir_server.model import Canonical
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.place import Place
from fhir_server.validation.scope import Rule, Scope
from fhir_server.validation.suggestion import nearest, safe_choice

_ALSO_ALLOWED = {"CapabilityStatement.format": frozenset(("xml", "json", "ttl"))}
"""Codes that the element's comment allows beside its required value set."""

Strength = Literal["required", "extensible"]
_Code = tuple[str | None, str]


def compile_rule(element: Element, place: Place) -> Rule | None:
    """Check required and extensible bindings; weaker ones ask for nothing, but a maximum does."""
    binding = element.binding
    if binding is None or any(other.binding == binding for other in place.inherited):
        return None
    if binding.strength == "required" and binding.value_set is not None:
        return _rule(binding.value_set, "required", element, place)
    if binding.max_value_set is not None:
        return _rule(binding.max_value_set, "required", element, place)
    if binding.strength == "extensible" and binding.value_set is not None:
        return _rule(binding.value_set, "extensible", element, place)
    return None


def _rule(value_set: Canonical, strength: Strength, element: Element, place: Place) -> Rule:
    also_allowed = _ALSO_ALLOWED.get(element.path, frozenset())
    rule = _Membership(value_set, strength, place.source(element), place, also_allowed)
    if place.fhir_type == "CodeableConcept":
        return rule.check_concept
    if place.fhir_type == "Coding":
        return rule.check_coding
    if place.table.registry.types.is_subtype(place.fhir_type, "Quantity"):
        return rule.check_quantity
    return rule.check_code


class _Membership:
    """One binding of one element."""

    def __init__(
        self,
        value_set: str,
        strength: Strength,
        source: str,
        place: Place,
        also_allowed: frozenset[str],
    ) -> None:
        self._value_set = value_set
        self._strength: Strength = strength
        self._source = source
        self._terminology = place.table.terminology
        self._options = place.table.options
        self._codings: frozenset[_Code] = frozenset()
        self._codes: frozenset[str] | None = None  # not asked yet
        self._suggestions: dict[str, tuple[str, ...]] = {}
        self._also_allowed = also_allowed
        self._verdicts: dict[_Code, str] = {}

    def check_code(self, value: Any, sibling: Any, scope: Scope) -> Findings | None:
        """Check an element of type code, string or uri."""
        codes = self._codes
        if codes is None:
            codes = self._list()
        if value.__class__ is not str:
            return None if value is not None or sibling is None else self._no_code()
        if value in codes:
            return None
        return self._weigh(((None, value),), scope, is_plain=True)

    def check_coding(self, value: Any, _sibling: Any, scope: Scope) -> Findings | None:
        """Check a Coding."""
        return self.check_quantity(value, _sibling, scope) if "code" in value else self._no_code()

    def check_quantity(self, value: Any, _sibling: Any, scope: Scope) -> Findings | None:
        """Check the unit of a Quantity, where it is coded."""
        code = value.get("code")
        if code.__class__ is str:
            coding = (_system(value), code)
            if self._codes is None:
                self._list()
            if coding in self._codings:
                return None
            return self._weigh((coding,), scope)
        return None

    def check_concept(self, value: Any, _sibling: Any, scope: Scope) -> Findings | None:
        """Check a CodeableConcept: one of its codings must be in."""
        codings = value.get("coding")
        if codings.__class__ is not list:
            return self._no_code()
        pairs = [
            (_system(coding), coding["code"])
            for coding in codings
            if isinstance(coding, dict) and isinstance(coding.get("code"), str)
        ]
        if not pairs:
            return self._no_code()
        if self._codes is None:
            self._list()
        for pair in pairs:
            if pair in self._codings:
                return None
        return self._weigh(pairs, scope)

    def _list(self) -> frozenset[str]:
        """Fetch what is certainly in, when it is first asked."""
        self._codings = frozenset(self._terminology.codes_of(self._value_set) or ())
        codes = frozenset(code for _, code in self._codings) | self._also_allowed
        self._codes = codes
        return codes

    def _no_code(self) -> Findings | None:
        if self._strength == "extensible":
            return None
        return [self._finding("binding-no-code", (), shown=None)]

    def _weigh(
        self, codings: Sequence[_Code], scope: Scope, *, is_plain: bool = False
    ) -> Findings | None:
        verdicts = [
            "not-member" if system is None and not is_plain else self._verdict((system, code))
            for system, code in codings  # a code without system is in no value set
        ]
        if "member" in verdicts:
            return None
        shown = ", ".join(f"{system}|{code}" if system else code for system, code in codings)
        if "not-checked" in verdicts:
            if self._strength == "extensible":
                return None  # the Coding itself says that its system is not here
            finding = self._finding("binding-not-checked", (), shown)
            finding.severity = self._options.unknown_system
            return [finding]
        codes = [code for _, code in codings]
        suggestions = self._nearest(codes[0], scope)
        finding = self._finding(f"binding-{self._strength}", suggestions, shown)
        choice = safe_choice(codes[0], suggestions) if is_plain else None
        if choice is not None:
            finding.mend = ("replace", choice)
        return [finding]

    def _nearest(self, code: str, scope: Scope) -> tuple[str, ...]:
        """Return the nearest codes; kept, for the same one may come with every record."""
        known = self._suggestions.get(code)
        if known is None:
            codes = self._codes or ()
            if not scope.run.may_compare(len(codes)):
                return ()
            known = nearest(code, codes)
            if len(self._suggestions) < _MOST_VERDICTS:
                self._suggestions[code] = known
        return known

    def _verdict(self, coding: _Code) -> str:
        known = self._verdicts.get(coding)
        if known is None:
            known = self._terminology.validate_code(
                self._value_set, *coding, explains=False
            ).verdict
            if len(self._verdicts) < _MOST_VERDICTS:
                self._verdicts[coding] = known
        return known

    def _finding(self, rule: str, suggestions: tuple[str, ...], shown: str | None) -> Finding:
        return Finding(
            rule,
            source=self._source,
            suggestions=suggestions,
            found=shown,
            expected=self._value_set,
        )


def _system(coding: Any) -> str | None:
    system = coding.get("system")
    return system if system.__class__ is str else None


_MOST_VERDICTS = 10_000
"""Verdicts kept for one binding: clients must not fill the memory with codes."""
