"""Includes: which resources to read beside a page of matches, and which to search for.

Nothing here touches a store: a walk says what it needs next, and is told what was found.

Spec: https://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fhir_server.definitions import Registry
from fhir_server.model import JsonObject, LogicalId, ResourceType
from fhir_server.search.index import IndexExtractor
from fhir_server.search.limits import SearchLimits
from fhir_server.search.options import Include
from fhir_server.search.tree import ReferenceMatch, ReferenceTerm, SearchQuery

Key = tuple[ResourceType, LogicalId]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncludeStep:
    """What a walk needs next.

    Attributes:
        keys: Resources to read; those that are gone or deleted are simply not there.
        queries: Searches for resources that refer to what was found.
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
        if not fresh or not active:
            return IncludeStep()
        if self._rounds > self._limits.max_include_depth or self._room() <= 0:
            self.is_cut_off = True
            return IncludeStep()
        keys = dict.fromkeys(
            key
            for include in active
            if not include.is_reverse
            for key in self._keys(fresh, include)
        )
        wanted = [key for key in keys if key not in self._seen]
        if len(wanted) > self._room():
            self.is_cut_off = True
            wanted = wanted[: self._room()]
        queries = [
            query
            for include in active
            if include.is_reverse
            for query in self._queries(fresh, include)
        ]
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

    def _keys(self, resources: Iterable[JsonObject], include: Include) -> Iterator[Key]:
        """Where the references of an ``_include`` go."""
        for resource in resources:
            resource_type = resource["resourceType"]
            if include.source_type not in {None, resource_type}:
                continue
            for parameter in self._parameters(resource_type, include):
                for value in self._extractor.references(resource, parameter):
                    if value.id and include.target_type in {None, value.type}:
                        yield ResourceType(value.type), LogicalId(value.id)

    def _parameters(self, resource_type: str, include: Include) -> Iterable[str]:
        if include.parameter is not None:
            return (include.parameter,)
        known = self._registry.search_parameters(resource_type)
        return [code for code, definition in known.items() if definition.type == "reference"]

    def _queries(self, resources: Sequence[JsonObject], include: Include) -> Iterator[SearchQuery]:
        """The searches of a ``_revinclude``: whose references come here."""
        source = include.source_type
        if source is None:
            return
        for parameter in self._parameters(source, include):
            definition = self._registry.search_parameters(source)[parameter]
            terms = tuple(
                ReferenceTerm(resource["resourceType"], resource["id"], "")
                for resource in resources
                if include.target_type in {None, resource["resourceType"]}
                and (not definition.targets or resource["resourceType"] in definition.targets)
            )
            if terms:
                yield SearchQuery(
                    resource_types=(source,),
                    where=ReferenceMatch(parameter=parameter, values=terms),
                    page_count=max(1, self._room()),
                )


def key_of(resource: JsonObject) -> Key:
    """Return type and id of a stored resource."""
    return ResourceType(resource["resourceType"]), LogicalId(resource["id"])
