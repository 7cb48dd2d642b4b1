"""From a ValueSet resource to its compiled rules, with everything it refers to.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fhir_server.model import Issue, JsonObject, ValidationFailed, issue, split_canonical
from fhir_server.terminology.concept import CodeSystem
from fhir_server.terminology.filters import check_filter, select
from fhir_server.terminology.implicit import ImplicitValueSets
from fhir_server.terminology.systems import CodeSystems, Definitions
from fhir_server.terminology.value_set import Clause, CompiledValueSet, canonical_of

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
_SUPPLEMENT = _EXTENSION + "valueset-supplement"
_PARAMETER = _EXTENSION + "valueset-expansion-parameter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Which versions a request wants, all as (canonical url, version) pairs.

    Attributes:
        defaults: For code systems whose version the value set leaves open.
        forced: Instead of whatever the value set says.
        checked: A value set that names another one is refused.
        value_sets: For value sets named without version.
        supplements: Canonicals of supplements to apply besides those the value set names.
    """

    defaults: tuple[tuple[str, str], ...] = ()
    forced: tuple[tuple[str, str], ...] = ()
    checked: tuple[tuple[str, str], ...] = ()
    value_sets: tuple[tuple[str, str], ...] = ()
    supplements: tuple[str, ...] = ()


NO_VERSIONS = Versions()


class Composer:
    """Compiles value sets; those that are found by canonical are kept."""

    def __init__(self, definitions: Definitions, systems: CodeSystems) -> None:
        self._definitions = definitions
        self._systems = systems
        self._compiled: dict[str, CompiledValueSet] = {}
        self._implicit = ImplicitValueSets(definitions, systems)

    def find(self, canonical: str, versions: Versions = NO_VERSIONS) -> CompiledValueSet | None:
        """Return the rules of a value set by ``url`` or ``url|version``; None: it is not here.

        Raises:
            ValidationFailed: The value set contradicts itself.
        """
        if versions != NO_VERSIONS:
            return self._compilation(versions).by_canonical(canonical)
        found = self._compiled.get(canonical)
        if found is None:
            found = self._compilation(versions).by_canonical(canonical)
            if found is not None:
                self._compiled[canonical] = found
        return found

    def compile(self, value_set: JsonObject, versions: Versions = NO_VERSIONS) -> CompiledValueSet:
        """Return the rules of a given value set; its contained ones are known by ``#id``.

        Raises:
            ValidationFailed: The value set contradicts itself.
        """
        return self._compilation(versions).compile(value_set)

    def _compilation(self, versions: Versions) -> "_Compilation":
        return _Compilation(self._definitions, self._systems, self._implicit, versions)


class _Compilation:
    """One value set with all it refers to; ``path`` are the canonicals that are being compiled."""

    def __init__(
        self,
        definitions: Definitions,
        systems: CodeSystems,
        implicit: ImplicitValueSets,
        versions: Versions,
    ) -> None:
        self._definitions = definitions
        self._systems = systems
        self._implicit = implicit
        self._versions = versions
        self._path: list[str] = []
        self._done: dict[str, CompiledValueSet | None] = {}
        self._contained: dict[str, JsonObject] = {}

    def by_canonical(self, canonical: str) -> CompiledValueSet | None:
        """Find and compile; None: it is not here."""
        if canonical in self._path:
            raise ValidationFailed((issue("value-set-circular", found=canonical),))
        if canonical not in self._done:
            definition = self._definition(canonical)
            self._path.append(canonical)
            self._done[canonical] = None if definition is None else self.compile(definition)
            self._path.pop()
        return self._done[canonical]

    def compile(self, value_set: JsonObject) -> CompiledValueSet:
        """Compile a definition."""
        for inner in value_set.get("contained", ()):
            if inner.get("resourceType") == "ValueSet" and "id" in inner:
                self._contained["#" + inner["id"]] = inner
        supplements = (*_supplements(value_set), *self._versions.supplements)
        self._systems.require(supplements)
        compose = value_set.get("compose") or _compose_of_expansion(value_set)
        parameters = dict(expansion_parameters(value_set))
        return CompiledValueSet(
            canonical=canonical_of(value_set),
            json=value_set,
            includes=self._clauses(compose.get("include", ()), supplements),
            excludes=self._clauses(compose.get("exclude", ()), supplements),
            is_active_only=compose.get("inactive") is False,
            ignores_versions=parameters.get("versionsMatch") == "true",
        )

    def _definition(self, canonical: str) -> JsonObject | None:
        if canonical.startswith("#"):
            return self._contained.get(canonical)
        url, version, _ = split_canonical(canonical)
        if version is None:
            version = dict(self._versions.value_sets).get(url)
            canonical = f"{url}|{version}" if version else url
        found = self._definitions.resource("ValueSet", canonical)
        return self._implicit.find(url, version) if found is None else found

    def _clauses(
        self, entries: Iterable[JsonObject], supplements: tuple[str, ...]
    ) -> tuple[Clause, ...]:
        return tuple(self._clause(entry, supplements) for entry in entries)

    def _clause(self, entry: JsonObject, supplements: tuple[str, ...]) -> Clause:
        url = entry.get("system")
        missing: list[Issue] = []
        value_sets: list[CompiledValueSet] = []
        for canonical in entry.get("valueSet", ()):
            nested = self.by_canonical(canonical)
            if nested is None:
                missing.append(issue("value-set-unknown", found=canonical))
            else:
                value_sets.append(nested)
        version = None if url is None else self._version(url, entry.get("version"))
        system = None if url is None else self._systems.find(url, version, supplements)
        filters = entry.get("filter", ())
        for clause in filters:
            check_filter(str(url), clause)
        if system is not None and filters and not system.is_enumerable:
            missing.append(issue("value-set-filter-not-possible", system=system.url))
            system = None
        listed = _listed(entry, system)
        if url is not None and system is None and listed is None and not missing:
            missing.append(issue("code-system-unknown", found=_versioned(url, version)))
        return Clause(
            system=url,
            version=version,
            code_system=system,
            listed=listed,
            selected=_selected(system, filters),
            value_sets=tuple(value_sets),
            missing=tuple(missing),
            at_version=None
            if version is not None
            else lambda other: self._clause({**entry, "version": other}, supplements),
        )

    def _version(self, url: str, version: str | None) -> str | None:
        forced = dict(self._versions.forced).get(url)
        if forced is not None:
            return forced
        wanted = dict(self._versions.checked).get(url)
        if wanted is not None and version not in {None, wanted}:
            text = issue("code-system-version-refused", found=version, expected=wanted, system=url)
            raise ValidationFailed((text,))
        return version or wanted or dict(self._versions.defaults).get(url)


def _versioned(url: str, version: str | None) -> str:
    return f"{url}|{version}" if version else url


def expansion_parameters(value_set: JsonObject) -> Iterator[tuple[str, str]]:
    """Read the parameters a value set wants for its own expansion (extension of compose)."""
    for extension in (value_set.get("compose") or {}).get("extension", ()):
        if extension.get("url") == _PARAMETER:
            parts = {part.get("url"): part for part in extension.get("extension", ())}
            name, value = (_extension_value(parts.get(key)) for key in ("name", "value"))
            if name is not None and value is not None:
                yield name, value


def _extension_value(extension: JsonObject | None) -> str | None:
    values = [v for k, v in (extension or {}).items() if k.startswith("value")]
    return str(values[0]) if values else None


def _supplements(value_set: JsonObject) -> tuple[str, ...]:
    return tuple(
        str(extension.get("valueCanonical") or extension.get("valueUri"))
        for extension in value_set.get("extension", ())
        if extension.get("url") == _SUPPLEMENT
    )


def _listed(entry: JsonObject, system: CodeSystem | None) -> dict[str, JsonObject] | None:
    concepts = entry.get("concept")
    if not concepts:
        return None
    listed: dict[str, JsonObject] = {}
    for concept in concepts:
        code = concept.get("code")
        if isinstance(code, str):
            known = None if system is None else system.find(code)
            listed.setdefault(code if known is None else known.code, concept)
    return listed


def _selected(system: CodeSystem | None, filters: Iterable[JsonObject]) -> frozenset[str] | None:
    chosen: frozenset[str] | None = None
    if system is None:
        return None
    for clause in filters:
        found = select(system, clause)
        chosen = found if chosen is None else chosen & found
    return chosen


def _compose_of_expansion(value_set: JsonObject) -> JsonObject:
    """Turn a stored expansion into lists of codes, for a value set that comes without its rules."""
    by_system: dict[str, list[JsonObject]] = {}
    todo = list((value_set.get("expansion") or {}).get("contains", ()))[::-1]
    while todo:
        entry = todo.pop()
        todo.extend(reversed(entry.get("contains", ())))
        if "code" in entry and not entry.get("abstract"):
            concept = {
                key: entry[key] for key in ("code", "display", "designation") if key in entry
            }
            by_system.setdefault(entry.get("system", ""), []).append(concept)
    return {
        "include": [
            {"system": system, "concept": concepts} for system, concepts in by_system.items()
        ]
    }
