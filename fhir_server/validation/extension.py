"""Extensions: what their definition says of them, and whether they may stand where they stand.

Spec: https://hl7.org/fhir/R4/extensibility.html and https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from typing import Any, NamedTuple

from fhir_server.definitions import Element, Registry, Structure
from fhir_server.model import JsonObject
from fhir_server.validation import shape
from fhir_server.validation.extension_context import Claim, judge_locally
from fhir_server.validation.finding import Finding, Findings, join, under
from fhir_server.validation.reference_target import is_absolute
from fhir_server.validation.scope import Check, Plans, Rule, Scope
from fhir_server.validation.suggestion import nearest

_EXTENSION = "Extension"


class KnownExtension(NamedTuple):
    """An extension whose definition is here.

    Attributes:
        structure: Its definition.
        overlay: What the definition asks beyond the type Extension.
        parts: URLs of the extensions inside it that it defines.
        verdicts: By type of the element around it: may it stand there? None: the path decides.
    """

    structure: Structure
    overlay: Rule | None
    parts: frozenset[str]
    verdicts: dict[str, bool | None]


class Extensions:
    """The extensions of one registry by URL, prepared when first met."""

    def __init__(self, table: Plans) -> None:
        self.table = table
        self._known: dict[str, KnownExtension] = {}

    def find(self, url: str) -> KnownExtension | None:
        """Return an extension's definition with its plan; None: not here."""
        known = self._known.get(url)
        if known is None:
            structure = self.table.registry.structure(url)
            if structure is None or structure.type != _EXTENSION:
                return None  # not kept: clients choose the URLs
            known = self._known[url] = _know(structure, self.table)
        return known


def _know(structure: Structure, table: Plans) -> KnownExtension:
    parts = frozenset(
        url
        for child in structure.root.children
        if child.name == "extension"
        for part in child.slices
        if (url := url_of(part, table.registry)) is not None
    )
    return KnownExtension(structure, table.overlay(structure), parts, {})


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


class ExtensionList:
    """Checks ``extension`` or ``modifierExtension`` of elements of one type.

    Args:
        holder: The type around it, or the path of an element with children of its own.
    """

    def __init__(self, extensions: Extensions, holder: str, *, is_modifier: bool) -> None:
        self._table = extensions.table
        self._find = extensions.find
        self._holder = holder
        self._is_modifier = is_modifier
        self._check_object = extensions.table.type_check(_EXTENSION)

    def check(self, values: Any, parent: JsonObject, scope: Scope) -> Findings | None:
        """Check the array; what the definitions say comes after the shape."""
        if values.__class__ is not list or not values:
            return _ARRAY(values, parent, scope)
        found: Findings | None = None
        for index, value in enumerate(values):
            more = self._check_object(value, parent, scope)
            if value.__class__ is dict and value:
                more = join(more, self._check_one(value, parent, scope))
            if more is not None:
                found = under(found, more, index)
        return found

    def _check_one(self, value: JsonObject, parent: JsonObject, scope: Scope) -> Findings | None:
        has_value = not value.keys() <= _NO_VALUE
        if has_value == ("extension" in value):
            return [Finding("extension-value-or-parts", source="ext-1", found=value.get("url"))]
        url = value.get("url")
        if url.__class__ is not str:
            return None
        known = self._find(url)
        if known is not None:
            return self._check_known(value, known, parent, scope)
        if self._holder == _EXTENSION and not is_absolute(url):
            return self._check_part(url, parent)
        if not is_absolute(url):
            return [Finding("extension-url-relative", found=url, at=(("url", "url"),))]
        severity = self._table.options.unknown_extension
        if self._is_modifier and severity == "information":
            severity = "warning"
        return [Finding("extension-unknown", severity=severity, found=url)]

    def _check_part(self, url: str, parent: JsonObject) -> Findings | None:
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
                suggestions=nearest(url, known.parts),
            )
        ]

    def _check_known(
        self, value: JsonObject, known: KnownExtension, parent: JsonObject, scope: Scope
    ) -> Findings | None:
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
        if known.overlay is not None:
            found = join(found, known.overlay(value, None, scope))
        return found

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


def _never(_value: Any, _parent: JsonObject, _scope: Scope) -> None:
    return None


_ARRAY: Check = shape.many_objects(_never, (), None, "")
