"""A code system whose concepts are listed: the compiled form of a CodeSystem resource.

Spec: https://hl7.org/fhir/R4/codesystem.html, the properties of concepts
https://hl7.org/fhir/R4/codesystem-concept-properties.html
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from fhir_server.model import JsonObject
from fhir_server.terminology.concept import Concept, Content

_PROPERTIES = "http://hl7.org/fhir/concept-properties#"
_ROLES = ("inactive", "status", "notSelectable", "parent", "child")
_INACTIVE_STATUS = {"inactive", "retired"}
_OWN_FIELDS = frozenset({"code", "concept", "display", "definition", "parent", "child"})


class ListedSystem:
    """Concepts by code with their hierarchy; made once, never changed.

    Attributes:
        url: Canonical without version.
        version: Business version.
        language: Language of the displays.
        content: How much of the system is here.
        is_case_sensitive: Whether codes differ by case.
        is_enumerable: Always true.
        supplements: Canonicals of the supplements that were applied.
    """

    def __init__(self, definition: JsonObject, supplements: Sequence[JsonObject] = ()) -> None:
        self.url: str = definition["url"]
        self.version: str | None = definition.get("version")
        self.language: str | None = definition.get("language")
        self.content: Content = definition.get("content", "complete")
        self.is_case_sensitive = definition.get("caseSensitive", True) is not False
        self.is_enumerable = self.content != "not-present"
        self.supplements = tuple(_canonical(supplement) for supplement in supplements)
        self._roles = _roles(definition)
        self._defined = {p["code"] for p in definition.get("property", ()) if "code" in p}
        self._parents: dict[str, list[str]] = {}
        self._children: dict[str, list[str]] = {}
        self._concepts: dict[str, Concept] = {}
        additions = _additions(supplements)
        for source, parent in _walk(definition.get("concept", ()), None):
            self._add(source, parent, additions.get(source["code"], ()))
        self._link_by_property()
        self._folded = (
            {} if self.is_case_sensitive else {code.casefold(): code for code in self._concepts}
        )

    def find(self, code: str) -> Concept | None:
        """See `CodeSystem.find`."""
        concept = self._concepts.get(code)
        if concept is None and self._folded:
            concept = self._concepts.get(self._folded.get(code.casefold(), ""))
        return concept

    def concepts(self) -> Iterator[Concept]:
        """See `CodeSystem.concepts`."""
        return iter(self._concepts.values())

    def parents(self, code: str) -> tuple[str, ...]:
        """See `CodeSystem.parents`."""
        return tuple(self._parents.get(code, ()))

    def children(self, code: str) -> tuple[str, ...]:
        """See `CodeSystem.children`."""
        return tuple(self._children.get(code, ()))

    def ancestors(self, code: str) -> frozenset[str]:
        """See `CodeSystem.ancestors`."""
        return _closure(code, self.parents)

    def descendants(self, code: str) -> frozenset[str]:
        """See `CodeSystem.descendants`."""
        return _closure(code, self.children)

    def values(self, concept: Concept, name: str) -> tuple[str, ...]:
        """See `CodeSystem.values`; ``code``, ``display``, ``parent`` … count as properties too."""
        if name in {"code", "concept"}:
            return (concept.code,)
        if name == "parent":
            return self.parents(concept.code)
        if name == "child":
            return self.children(concept.code)
        if name in {"display", "definition"}:
            text = concept.display if name == "display" else concept.definition
            return () if text is None else (text,)
        return tuple(
            text
            for found in concept.properties
            if found.get("code") == name
            for text in _text(found)
        )

    def has_property(self, name: str) -> bool:
        """See `CodeSystem.has_property`."""
        return (
            name in _OWN_FIELDS
            or name in self._defined
            or any(p.get("code") == name for c in self._concepts.values() for p in c.properties)
        )

    def _add(self, source: JsonObject, parent: str | None, additions: Iterable[JsonObject]) -> None:
        code = source["code"]
        if parent is not None:
            self._link(parent, code)
        if code in self._concepts:
            return
        properties = _joined("property", source, additions)
        self._concepts[code] = Concept(
            code=code,
            display=source.get("display"),
            definition=source.get("definition"),
            designations=_joined("designation", source, additions),
            properties=properties,
            is_abstract=self._says(properties, "notSelectable", {"true"}),
            is_inactive=self._says(properties, "inactive", {"true"})
            or self._says(properties, "status", _INACTIVE_STATUS),
        )

    def _says(self, properties: Iterable[JsonObject], role: str, wanted: set[str]) -> bool:
        return any(
            self._roles.get(found.get("code", "")) == role and not wanted.isdisjoint(_text(found))
            for found in properties
        )

    def _link_by_property(self) -> None:
        for concept in self._concepts.values():
            for found in concept.properties:
                role = self._roles.get(found.get("code", ""))
                for other in _text(found) if role in {"parent", "child"} else ():
                    pair = (other, concept.code) if role == "parent" else (concept.code, other)
                    self._link(*pair)

    def _link(self, parent: str, child: str) -> None:
        below = self._children.setdefault(parent, [])
        if child not in below:
            below.append(child)
            self._parents.setdefault(child, []).append(parent)


def property_text(value: object) -> str:
    """Write the value of a property as text: what filters compare.

    Spec: https://hl7.org/fhir/R4/valueset.html#filter
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return str(value.get("code", ""))
    return str(value)


def _text(found: JsonObject) -> tuple[str, ...]:
    return tuple(property_text(value) for key, value in found.items() if key.startswith("value"))


def _canonical(definition: JsonObject) -> str:
    version = definition.get("version")
    return f"{definition['url']}|{version}" if version else str(definition["url"])


def _roles(definition: JsonObject) -> dict[str, str]:
    """Say which property code plays which of FHIR's roles: by its uri, or else by its name."""
    roles = {role: role for role in _ROLES}
    for found in definition.get("property", ()):
        uri = str(found.get("uri", ""))
        if uri.startswith(_PROPERTIES):
            roles[found["code"]] = uri.removeprefix(_PROPERTIES)
    return roles


def _walk(
    concepts: Iterable[JsonObject], parent: str | None
) -> Iterator[tuple[JsonObject, str | None]]:
    for concept in concepts:
        if isinstance(concept.get("code"), str):
            yield concept, parent
            yield from _walk(concept.get("concept", ()), concept["code"])


def _additions(supplements: Sequence[JsonObject]) -> dict[str, list[JsonObject]]:
    found: dict[str, list[JsonObject]] = {}
    for supplement in supplements:
        language = supplement.get("language")
        for source, _ in _walk(supplement.get("concept", ()), None):
            concept = source
            if "display" in concept:
                named = {
                    "value": concept["display"],
                    **({"language": language} if language else {}),
                }
                designations = [named, *concept.get("designation", ())]
                concept = {**concept, "designation": designations}
            found.setdefault(concept["code"], []).append(concept)
    return found


def _joined(
    key: str, source: JsonObject, additions: Iterable[JsonObject]
) -> tuple[JsonObject, ...]:
    own = source.get(key, ())
    return (*own, *(entry for addition in additions for entry in addition.get(key, ())))


def _closure(code: str, step: Callable[[str], tuple[str, ...]]) -> frozenset[str]:
    found: set[str] = set()
    todo = list(step(code))
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo.extend(step(current))
    found.discard(code)
    return frozenset(found)
