"""Includes: which resources to read beside a page of matches, and which to search for.

Nothing here touches a store: a walk says what it needs next, and is told what was found.

Spec: https://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fhir_server.definitions import Registry, SearchParameter
from fhir_server.model import JsonObject, LogicalId, ResourceType, split_canonical
from fhir_server.search.index import IndexExtractor
from fhir_server.search.limits import SearchLimits
from fhir_server.search.options import Include
from fhir_server.search.tree import (
    And,
    Node,
    Or,
    ReferenceMatch,
    ReferenceTerm,
    SearchQuery,
    TokenMatch,
    TokenTerm,
    UriMatch,
)
from fhir_server.search.values import NOWHERE, ReferenceValue

Key = tuple[ResourceType, LogicalId]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncludeStep:
    """What a walk needs next.

    Attributes:
        keys: Resources to read; those that are gone or deleted are simply not there.
        queries: Searches for resources that refer to what was found, or are referred to by URL.
    """

    keys: tuple[Key, ...] = ()
    queries: tuple[SearchQuery, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether there is nothing more to fetch."""
        return not self.keys and not self.queries


class IncludeWalk:
    """The includes of one page, round by round.

    Call `step` with the page's matches, fetch what it names, call it with what was found, and so on
    until a step is done. What is included counts once, and never what is a match already.

    Args:
        includes: The directives.
        extractor: Tells where the references of a resource go.
        registry: The definitions.
        limits: ``max_include_depth`` rounds, ``max_included`` resources.
    """

    def __init__(
        self,
        includes: Sequence[Include],
        *,
        extractor: IndexExtractor,
        registry: Registry,
        limits: SearchLimits,
    ) -> None:
        self._includes = includes
        self._extractor = extractor
        self._registry = registry
        self._limits = limits
        self._seen: set[Key] = set()
        self._rounds = 0
        self._matches = 0
        self.is_cut_off = False

    def step(self, found: Iterable[JsonObject]) -> IncludeStep:
        """Return what to fetch after ``found``: at first the matches, then what a step led to.

        Resources that were given before are not looked at again. At the limits the walk ends, and
        ``is_cut_off`` says so.
        """
        fresh = [resource for resource in found if self._is_new(resource)]
        is_first = self._rounds == 0
        self._rounds += 1
        if is_first:
            self._matches = len(fresh)
        active = [include for include in self._includes if is_first or include.is_iterate]
        step = self._next(fresh, active)
        if step.is_done or (self._rounds <= self._limits.max_include_depth and self._room() > 0):
            return step
        self.is_cut_off = True
        return IncludeStep()

    def _next(self, fresh: Sequence[JsonObject], active: Iterable[Include]) -> IncludeStep:
        keys: dict[Key, None] = {}
        queries: list[SearchQuery] = []
        for include in active:
            if include.is_reverse:
                queries.extend(self._referring(fresh, include))
                continue
            for definition, values in self._references(fresh, include):
                keys.update(dict.fromkeys(_keys(values, include)))
                queries.extend(self._canonical(definition, values, include))
        wanted = [key for key in keys if key not in self._seen]
        room = max(0, self._room())
        if len(wanted) > room > 0:
            self.is_cut_off = True
            wanted = wanted[:room]
        return IncludeStep(keys=tuple(wanted), queries=tuple(queries))

    def _is_new(self, resource: JsonObject) -> bool:
        key = key_of(resource)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _room(self) -> int:
        """How many resources may still be included."""
        return self._limits.max_included - (len(self._seen) - self._matches)

    def _references(
        self, resources: Iterable[JsonObject], include: Include
    ) -> Iterator[tuple[SearchParameter, list[ReferenceValue]]]:
        """Where the references of an ``_include`` go, by parameter."""
        found: dict[tuple[str, str], list[ReferenceValue]] = {}
        for resource in resources:
            resource_type = resource["resourceType"]
            if include.source_type in {None, resource_type}:
                for parameter in self._parameters(resource_type, include):
                    values = self._extractor.references(resource, parameter)
                    found.setdefault((resource_type, parameter), []).extend(values)
        for (resource_type, parameter), gathered in found.items():
            yield self._registry.search_parameters(resource_type)[parameter], gathered

    def _canonical(
        self, definition: SearchParameter, values: Iterable[ReferenceValue], include: Include
    ) -> Iterator[SearchQuery]:
        """The search for definitions that are referred to by their canonical URL."""
        urls = {value.url for value in values} - {"", NOWHERE}
        types = tuple(
            ResourceType(target)
            for target in (definition.targets if urls else ())
            if include.target_type in {None, target} and self._has_url(target)
        )
        if not types:
            return
        versioned = {url.rpartition("|")[0] for url in urls}
        parts = tuple(_of_canonical(url) for url in sorted(urls - versioned))
        yield SearchQuery(
            resource_types=types, where=Or(parts=parts), page_count=max(1, self._room())
        )

    def _has_url(self, resource_type: str) -> bool:
        url = self._registry.search_parameters(resource_type).get("url")
        return url is not None and url.type == "uri"

    def _parameters(self, resource_type: str, include: Include) -> Iterable[str]:
        if include.parameter is not None:
            return (include.parameter,)
        known = self._registry.search_parameters(resource_type)
        return [code for code, definition in known.items() if definition.type == "reference"]

    def _referring(
        self, resources: Sequence[JsonObject], include: Include
    ) -> Iterator[SearchQuery]:
        """The searches of a ``_revinclude``: whose references come here."""
        found = {resource["resourceType"] for resource in resources}
        for parameter, sources in self._leading_to(found, include).items():
            targets = {target for reached in sources.values() for target in reached}
            terms = tuple(
                term
                for resource in resources
                if resource["resourceType"] in targets
                for term in _ways_here(resource)
            )
            yield SearchQuery(
                resource_types=tuple(sources),
                where=ReferenceMatch(parameter=parameter, values=terms),
                page_count=max(1, self._room()),
            )

    def _leading_to(
        self, types: Collection[str], include: Include
    ) -> Mapping[str, Mapping[ResourceType, Collection[str]]]:
        """By reference parameter: types that have it, and which of ``types`` it leads to there."""
        all_types = sorted(self._registry.types.resource_types)
        sources = all_types if include.source_type is None else [include.source_type]
        leading: dict[str, dict[ResourceType, Collection[str]]] = {}
        for source in sources:
            for parameter in self._parameters(source, include):
                targets = self._registry.search_parameters(source)[parameter].targets
                reached = {
                    found
                    for found in types
                    if include.target_type in {None, found} and (not targets or found in targets)
                }
                if reached:
                    leading.setdefault(parameter, {})[ResourceType(source)] = reached
        return leading


def key_of(resource: JsonObject) -> Key:
    """Return type and id of a stored resource."""
    return ResourceType(resource["resourceType"]), LogicalId(resource["id"])


def _keys(values: Iterable[ReferenceValue], include: Include) -> Iterator[Key]:
    for value in values:
        if value.id and include.target_type in {None, value.type}:
            yield ResourceType(value.type), LogicalId(value.id)


def _of_canonical(canonical: str) -> Node:
    """What a definition of that ``url`` or ``url|version`` has."""
    url, version, _ = split_canonical(canonical)
    of_url = UriMatch(parameter="url", mode="exact", values=(url,))
    if version is None:
        return of_url
    of_version = TokenMatch(parameter="version", values=(TokenTerm(None, version),))
    return And(parts=(of_url, of_version))


def _ways_here(resource: JsonObject) -> Iterator[ReferenceTerm]:
    """How others may refer to a resource: by type and id, and to a definition by its URL."""
    yield ReferenceTerm(resource["resourceType"], resource["id"], "")
    url, version = resource.get("url"), resource.get("version")
    if isinstance(url, str):
        yield ReferenceTerm("", "", url)
        if isinstance(version, str):
            yield ReferenceTerm("", "", f"{url}|{version}")
