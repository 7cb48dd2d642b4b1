"""What is known of an extension: its definition, compiled.

Spec: https://hl7.org/fhir/R4/defining-extensions.html
"""

from dataclasses import replace
from typing import Any, NamedTuple

from fhir_server.definitions import Element, Registry, Structure
from fhir_server.model import JsonObject
from fhir_server.validation.finding import Findings, under
from fhir_server.validation.property import property_key
from fhir_server.validation.scope import Check, Plans, Rule, Scope

_EXTENSION = "Extension"


class KnownExtension(NamedTuple):
    """An extension whose definition is here.

    Attributes:
        structure: Its definition.
        overlay: What the definition asks beyond the type Extension.
        parts: URLs of the extensions inside it that it defines.
        values: For definitions that ask for a value only: the whole check of it by JSON key.
        verdicts: By type of the element around it: may it stand there? None: the path decides.
    """

    structure: Structure
    overlay: Rule | None
    parts: frozenset[str]
    verdicts: dict[str, bool | None]
    values: dict[str, Check]


class Extensions:
    """The extensions of one registry by URL, prepared when first met."""

    def __init__(self, table: Plans) -> None:
        self.table = table
        self._known: dict[str, KnownExtension] = {}
        self._value_checks: dict[str, Check] | None = None

    def find(self, url: str) -> KnownExtension | None:
        """Return an extension's definition with its plan; None: not here."""
        known = self._known.get(url)
        if known is None:
            structure = self.table.registry.structure(url)
            if structure is None or structure.type != _EXTENSION:
                return None  # not kept: clients choose the URLs
            known = self._known[url] = _know(structure, self.table, self.value_checks())
        return known

    def value_checks(self) -> dict[str, Check]:
        """Return R4's checks of the value of any extension by JSON key, where it is alone."""
        if self._value_checks is None:
            self._value_checks = _base_value_checks(self.table)
        return self._value_checks


def _know(structure: Structure, table: Plans, value_checks: dict[str, Check]) -> KnownExtension:
    parts = frozenset(
        url
        for child in structure.root.children
        if child.name == "extension"
        for part in child.slices
        if (url := url_of(part, table.registry)) is not None
    )
    values = _values(structure, table, value_checks)
    return KnownExtension(structure, table.overlay(structure), parts, {}, values)


def _values(structure: Structure, table: Plans, value_checks: dict[str, Check]) -> dict[str, Check]:
    """Make the checks of the values where nothing else is asked; empty: something else is."""
    root = structure.root
    base = table.registry.type_structure(_EXTENSION)
    parts = {child.name: child for child in root.children}
    url, value, nested = parts.get("url"), parts.get("value"), parts.get("extension")
    if base is None or url is None or value is None or nested is None:
        return {}
    is_simple = (
        nested.max == 0
        and value.max == 1
        and not value.slices
        and url.fixed is not None
        and url.fixed.value == structure.url
        and not table.rules(root, structure, _EXTENSION, (base.root,))
    )
    if not is_simple:
        return {}
    return {
        key: _value_check(value_checks[key], table.element_rule(structure, value.id, ref.code), key)
        for ref in value.types
        if (key := property_key(value, ref.code)) in value_checks
    }


def _base_value_checks(table: Plans) -> dict[str, Check]:
    base = table.registry.type_structure(_EXTENSION)
    if base is None:
        return {}
    value = next(child for child in base.root.children if child.name == "value")
    one_of_them = (replace(value, types=(ref,)) for ref in value.types)
    checks: dict[str, Check] = {}
    for element in one_of_them:
        checks.update(table.properties(element, base, base.root))
    return {key: check for key, check in checks.items() if key[0] != "_"}


def _value_check(check: Check, rule: Rule | None, key: str) -> Check:
    def check_value(value: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        found = check(value, parent, scope)
        if found is None and rule is not None:
            found = rule(value, None, scope)
        return None if found is None else under(None, found, (key, "value"))

    return check_value


def url_of(element: Element, registry: Registry) -> str | None:
    """Return the URL that a slice of ``extension`` stands for."""
    for child in element.children:
        if child.name == "url" and child.fixed is not None:
            return str(child.fixed.value)
    for ref in element.types:
        for profile in ref.profiles:
            structure = registry.structure(profile)
            return structure.url if structure is not None else profile.partition("|")[0]
    return None
