"""The registry: every definition by canonical, compiled when somebody first asks for it.

Spec: https://hl7.org/fhir/R4/references.html#canonical
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Self

from fhir_server.definitions import compartments, search_parameters
from fhir_server.definitions.compartments import Compartment
from fhir_server.definitions.elements import Structure
from fhir_server.definitions.overlay import Overlay, changed
from fhir_server.definitions.search_parameters import SearchParameter
from fhir_server.definitions.shelf import Entry, Shelf
from fhir_server.definitions.tree import TreeCompiler
from fhir_server.definitions.type_table import TypeTable
from fhir_server.definitions.version import version_key, version_matches
from fhir_server.model import JsonObject, split_canonical

_STRUCTURE = "StructureDefinition"
_TYPE_URL = "http://hl7.org/fhir/StructureDefinition/"
_NO_DEMANDS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Registry:
    """Definitions of one FHIR release with the packages and resources on top of it; immutable.

    "Adding" returns a new registry that shares everything with the old one but the addition. What
    is asked for is compiled on first use and kept; nothing that was handed out ever changes. JSON
    that comes from here belongs to the registry: do not modify it.

    Attributes:
        fhir_version: ``4.0.1``.
        types: The types of the release.
    """

    def __init__(
        self,
        packages: tuple[Shelf, ...],
        *,
        fhir_version: str,
        demands: Mapping[str, tuple[str, ...]] = _NO_DEMANDS,
        installed_count: int = 0,
        overlay: Overlay | None = None,
        before: "Registry | None" = None,
    ) -> None:
        """Put shelves together; `load_registry` is the way to get a registry.

        Args:
            packages: Compiled packages, the core package first; a later one counts more.
            fhir_version: The release.
            demands: Profiles that resources of a type must meet.
            installed_count: How many of the packages, the last ones, an operator has installed:
                their profiles hold where they are claimed and are not the national ones.
            overlay: Definitions on top of the packages.
            before: The registry that this one replaces, whose work is taken over.
        """
        self.fhir_version = fhir_version
        self._packages = packages
        self._demands = demands
        self._installed_count = installed_count
        self._overlay = overlay or Overlay()
        self._shelves: tuple[Shelf, ...] = (*packages, self._overlay.shelf)
        self._trees: TreeCompiler = before._trees if before else TreeCompiler()
        self.types: TypeTable = (
            before.types
            if before is not None and self._overlay.has_same_types(before._overlay)
            else TypeTable({k: v for s in self._shelves for k, v in s.types().items()})
        )
        self._structures: dict[str, Structure | None] = {}
        self._parameters: dict[str, Mapping[str, SearchParameter]] = {}
        self._parameters_by_base: Mapping[str, tuple[tuple[Shelf, Entry], ...]] | None = None
        self._compartments: Mapping[str, Compartment] | None = None
        self._profiles: Mapping[str, tuple[str, ...]] | None = None

    # -- structures

    def structure(self, canonical: str) -> Structure | None:
        """Return a compiled StructureDefinition by ``url`` or ``url|version``; None: not here."""
        try:
            return self._structures[canonical]
        except KeyError:
            found = self._structures[canonical] = self._compile(canonical)
            return found

    def type_structure(self, fhir_type: str) -> Structure | None:
        """Return the definition of a type by its name (``Patient``, ``HumanName``, ``code``)."""
        return self.structure(fhir_type if ":" in fhir_type else _TYPE_URL + fhir_type)

    def profiles_for(self, resource_type: str) -> tuple[str, ...]:
        """Return the canonical URLs of the packaged national profiles on a type, sorted."""
        if self._profiles is None:
            found: dict[str, set[str]] = {}
            for shelf in self._packages[1 : len(self._packages) - self._installed_count]:
                for entry in shelf.of_kind(_STRUCTURE):
                    if entry.derivation == "constraint" and entry.fhir_type is not None:
                        found.setdefault(entry.fhir_type, set()).add(entry.url)
            self._profiles = {fhir_type: tuple(sorted(urls)) for fhir_type, urls in found.items()}
        return self._profiles.get(resource_type, ())

    def demanded_profiles(self, resource_type: str) -> tuple[str, ...]:
        """Return the profiles that each resource of a type must meet (``demands`` of manifests)."""
        return self._demands.get(resource_type, ())

    # -- definitions as JSON

    def resource(self, kind: str, canonical: str) -> JsonObject | None:
        """Return a definition without its prose; None: not here.

        Of several versions the exact one counts, then the latest that refines it (``4.0`` takes
        ``4.0.1``); without a version the latest, and of equal ones the last given.
        """
        found = self._find(kind, canonical)
        return None if found is None else found[0].load(found[1])

    def code_system(self, url: str) -> JsonObject | None:
        """Return a CodeSystem, see `resource`."""
        return self.resource("CodeSystem", url)

    def value_set(self, canonical: str) -> JsonObject | None:
        """Return a ValueSet, see `resource`."""
        return self.resource("ValueSet", canonical)

    def concept_map(self, canonical: str) -> JsonObject | None:
        """Return a ConceptMap, see `resource`."""
        return self.resource("ConceptMap", canonical)

    def resources(self, kind: str) -> Iterator[JsonObject]:
        """Yield every definition of a kind, all versions, without its prose."""
        return (shelf.load(entry) for shelf, entry in self._listed(kind))

    def listing(self, kind: str) -> tuple[Entry, ...]:
        """Return what is known of each definition of a kind, all versions, decoding none."""
        return tuple(entry for _, entry in self._listed(kind))

    def kinds(self) -> tuple[str, ...]:
        """Return the resource types that definitions are of, sorted."""
        return tuple(sorted({entry.kind for shelf in self._shelves for entry in shelf.entries}))

    def is_packaged(self, kind: str, canonical: str) -> bool:
        """Say whether a package has the definition, so that `without` cannot take it away."""
        url = split_canonical(canonical)[0]
        return any(shelf.find(kind, url) for shelf in self._packages)

    # -- search

    def search_parameters(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """Return the parameters of a type by code, inherited ones (``_id``) included."""
        try:
            return self._parameters[resource_type]
        except KeyError:
            found = self._parameters[resource_type] = self._compile_parameters(resource_type)
            return found

    def compartment(self, code: str) -> Compartment | None:
        """Return a compartment by the resource type that owns it (``Patient``)."""
        if self._compartments is None:
            self._compartments = compartments.by_code(self.resources("CompartmentDefinition"))
        return self._compartments.get(code)

    # -- change

    def with_resources(self, resources: Iterable[JsonObject]) -> Self:
        """Return a registry that has these definitions too; one of the same version is replaced.

        A StructureDefinition without snapshot gets one, and so do those whose generated snapshot
        rests on a changed one.

        Raises:
            DefinitionErrors: Something cannot be compiled; all findings of all of them. This
                registry stays as good as it was.
        """
        return self._over(changed(self._overlay, self._draft, add=tuple(resources)))

    def without(self, kind: str, canonical: str) -> Self:
        """Return a registry without a definition that was added, or without all its versions.

        A packaged definition that it hid counts again; packages themselves stay as they are.

        Raises:
            DefinitionErrors: Another definition rests on it and cannot be compiled any more.
        """
        return self._over(changed(self._overlay, self._draft, remove=(kind, canonical)))

    def added(self) -> Iterator[tuple[Entry, JsonObject]]:
        """Yield what `with_resources` brought, with the snapshots that were filled in."""
        return ((entry, self._overlay.shelf.load(entry)) for entry in self._overlay.shelf.entries)

    def given(self) -> Iterator[JsonObject]:
        """Yield what `with_resources` was given, snapshots that were filled in left out."""
        generated = self._overlay.generated
        for key, definition in self._overlay.given.items():
            left_out = "snapshot" if key in generated else None
            yield {k: v for k, v in definition.items() if k != left_out}

    # -- inside

    def _draft(self, overlay: Overlay) -> "Registry":
        return self._over(overlay)

    def _over(self, overlay: Overlay) -> Self:
        if overlay is self._overlay:
            return self
        return type(self)(
            self._packages,
            fhir_version=self.fhir_version,
            demands=self._demands,
            installed_count=self._installed_count,
            overlay=overlay,
            before=self,
        )

    def _find(self, kind: str, canonical: str) -> tuple[Shelf, Entry] | None:
        url, version, _ = split_canonical(canonical)
        found = [(shelf, entry) for shelf in self._shelves for entry in shelf.find(kind, url)]
        if version is not None:
            exact = [pair for pair in found if pair[1].version == version]
            found = exact or [pair for pair in found if version_matches(version, pair[1].version)]
        if len(found) <= 1:
            return found[0] if found else None
        return max(enumerate(found), key=lambda at: (version_key(at[1][1].version), at[0]))[1]

    def _listed(self, kind: str) -> Iterable[tuple[Shelf, Entry]]:
        """Each definition once: of the same URL and version the last given."""
        listed = {
            (entry.url, entry.version): (shelf, entry)
            for shelf in self._shelves
            for entry in shelf.of_kind(kind)
        }
        return listed.values()

    def _compile(self, canonical: str) -> Structure | None:
        found = self._find(_STRUCTURE, canonical)
        if found is None:
            return None
        shelf, entry = found
        made = shelf.structures.get(entry.at)
        if made is None:
            definition = shelf.load(entry)
            if "snapshot" not in definition:
                return None  # two examples of the core package; everything else was given one
            made = shelf.structures[entry.at] = self._trees.compile(definition)
        return made

    def _compile_parameters(self, resource_type: str) -> Mapping[str, SearchParameter]:
        if self._parameters_by_base is None:
            grouped: dict[str, tuple[tuple[Shelf, Entry], ...]] = {}
            for pair in self._listed("SearchParameter"):
                for base in pair[1].links:
                    grouped[base] = (*grouped.get(base, ()), pair)
            self._parameters_by_base = grouped
        bases = [resource_type]
        while (above := self.types.base_type(bases[-1])) is not None:
            bases.append(above)
        return search_parameters.by_code(
            shelf.load(entry)
            for base in reversed(bases)  # the parameter of the type itself comes last and counts
            for shelf, entry in self._parameters_by_base.get(base, ())
        )
