"""From the codes of one system to those of another, by concept maps.

Spec: https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fhir_server.model import JsonObject, NotFound, issue, split_canonical
from fhir_server.terminology.systems import Definitions

_NO_MATCH = frozenset({"unmatched", "disjoint"})
_REVERSED = {
    "wider": "narrower",
    "narrower": "wider",
    "subsumes": "specializes",
    "specializes": "subsumes",
}
_MOST_OTHER_MAPS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """One translation of a code.

    Attributes:
        equivalence: How the target relates to the source, in the direction that was asked.
        system: Of the target; None: the map does not say.
        version: Of the target's system.
        code: None where the map says that there is none.
        display: Of the target.
        comment: What the map says to it.
        products: Further values that belong to the translation, as the map writes them.
        source: Canonical of the map.
    """

    equivalence: str
    system: str | None
    version: str | None
    code: str | None
    display: str | None
    comment: str | None
    products: tuple[JsonObject, ...]
    source: str

    @property
    def is_match(self) -> bool:
        """Whether the code can be used in place of the source's."""
        return self.code is not None and self.equivalence not in _NO_MATCH


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationQuery:
    """What is to be translated.

    Attributes:
        system: Of the code; "" where it is not known.
        code: The code.
        version: Of the system.
        target_system: Only codes of this system.
        dependencies: Values the map's rules may depend on: property -> code or text.
        is_reverse: From the map's targets to its sources.
    """

    system: str
    code: str
    version: str | None = None
    target_system: str | None = None
    dependencies: tuple[tuple[str, str], ...] = ()
    is_reverse: bool = False


class ConceptMaps:
    """The concept maps of a registry."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def find(self, canonical: str) -> JsonObject:
        """Return a map by ``url`` or ``url|version``.

        Raises:
            NotFound: It is not here.
        """
        found = self._definitions.resource("ConceptMap", canonical)
        if found is None:
            raise NotFound((issue("concept-map-unknown", found=canonical),))
        return found

    def between(self, source: str | None, target: str | None) -> Iterator[JsonObject]:
        """Yield the maps from a value set to another; None: from or to any."""
        for found in self._definitions.resources("ConceptMap"):
            if _is_about(found, "source", source) and _is_about(found, "target", target):
                yield found

    def translate(
        self, maps: Iterable[JsonObject], query: TranslationQuery
    ) -> tuple[Translation, ...]:
        """Return what the maps make of a code, matches first, each target once.

        Raises:
            NotFound: A map refers to another one that is not here.
        """
        found: dict[tuple[str | None, str | None, str], Translation] = {}
        for concept_map in maps:
            for translation in self._by_map(concept_map, query, 0):
                key = (translation.system, translation.code, translation.equivalence)
                found.setdefault(key, translation)
        return tuple(sorted(found.values(), key=lambda translation: not translation.is_match))

    def _by_map(
        self, concept_map: JsonObject, query: TranslationQuery, depth: int
    ) -> Iterator[Translation]:
        canonical = str(concept_map.get("url") or concept_map.get("id") or "")
        for group in concept_map.get("group", ()):
            if query.is_reverse:
                yield from _backward(group, query, canonical)
            elif _fits(group.get("source"), query.system):
                direct = list(_forward(group, query, canonical))
                yield from direct or self._unmapped(group, query, canonical, depth)

    def _unmapped(
        self, group: JsonObject, query: TranslationQuery, canonical: str, depth: int
    ) -> Iterator[Translation]:
        """Do what the map wants for codes it does not list.

        Spec: https://hl7.org/fhir/R4/conceptmap-definitions.html#ConceptMap.group.unmapped
        """
        rule: Mapping[str, str] = group.get("unmapped") or {}
        mode = rule.get("mode")
        if mode == "other-map" and depth < _MOST_OTHER_MAPS:
            yield from self._by_map(self.find(rule.get("url", "")), query, depth + 1)
        if mode not in {"provided", "fixed"} or not _fits(group.get("target"), query.target_system):
            return
        is_provided = mode == "provided"
        yield Translation(
            equivalence="equal" if is_provided else "inexact",
            system=group.get("target"),
            version=group.get("targetVersion"),
            code=query.code if is_provided else rule.get("code"),
            display=None if is_provided else rule.get("display"),
            comment=None,
            products=(),
            source=canonical,
        )


def _is_about(concept_map: JsonObject, side: str, value_set: str | None) -> bool:
    if value_set is None:
        return True
    named = concept_map.get(f"{side}Uri") or concept_map.get(f"{side}Canonical") or ""
    return split_canonical(named)[0] == split_canonical(value_set)[0]


def _fits(system: str | None, wanted: str | None) -> bool:
    return not system or not wanted or system == wanted


def _forward(group: JsonObject, query: TranslationQuery, canonical: str) -> Iterator[Translation]:
    if not _fits(group.get("target"), query.target_system):
        return
    for element in group.get("element", ()):
        if element.get("code") != query.code:
            continue
        for target in element.get("target", ()):
            if _depends(target, query):
                yield Translation(
                    equivalence=target.get("equivalence", "relatedto"),
                    system=group.get("target"),
                    version=group.get("targetVersion"),
                    code=target.get("code"),
                    display=target.get("display"),
                    comment=target.get("comment"),
                    products=tuple(target.get("product", ())),
                    source=canonical,
                )


def _backward(group: JsonObject, query: TranslationQuery, canonical: str) -> Iterator[Translation]:
    """Read the group from its targets to its sources."""
    turned = {**group, "source": group.get("target"), "target": group.get("source")}
    turned["targetVersion"] = group.get("sourceVersion")
    if not _fits(turned.get("source"), query.system):
        return
    for element in group.get("element", ()):
        for target in element.get("target", ()):
            if target.get("code") != query.code:
                continue
            source = {**target, "code": element.get("code"), "display": element.get("display")}
            turned["element"] = [{"code": query.code, "target": [source]}]
            for translation in _forward(turned, query, canonical):
                equivalence = translation.equivalence
                yield replace(translation, equivalence=_REVERSED.get(equivalence, equivalence))


def _depends(target: JsonObject, query: TranslationQuery) -> bool:
    given = dict(query.dependencies)
    return all(
        given.get(rule.get("property", "")) == rule.get("value")
        for rule in target.get("dependsOn", ())
        if rule.get("property") in given
    )
