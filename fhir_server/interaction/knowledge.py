"""Everything derived from definitions, as one immutable value that is swapped in one assignment.

A request takes ``KnowledgeBase.current`` once and finishes on it, whatever is written meanwhile.
Decision: docs/decisions/0070-stored-definitions-take-effect.md
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from fhir_server.definitions import DefinitionErrors, Registry
from fhir_server.model import (
    Issue,
    JsonObject,
    LogicalId,
    NotSupported,
    ResourceType,
    Unavailable,
    VersionId,
    decode_stored,
    issue,
)
from fhir_server.search import IndexExtractor, QueryParser, SearchQuery
from fhir_server.storage import ChangesLost, ResourceStore, StoredVersion
from fhir_server.terminology import Terminology
from fhir_server.validation import Validator

DEFINITION_TYPES = frozenset(
    {
        "CodeSystem", "ConceptMap", "Library", "Measure", "NamingSystem", "Questionnaire",
        "SearchParameter", "StructureDefinition", "ValueSet",
    }
)  # fmt: skip
"""Types whose stored instances take effect at once."""

_PAGE_COUNT = 500
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The definitions in force and what works by them; all parts belong to the same registry."""

    registry: Registry
    terminology: Terminology
    validator: Validator
    extractor: IndexExtractor
    parser: QueryParser


Key = tuple[ResourceType, LogicalId]


class InForce(NamedTuple):
    """What a stored definition has become: its version, its URL, what was remarked about it."""

    version_id: VersionId
    last_updated: datetime
    url: str | None
    warnings: tuple[Issue, ...]


class KnowledgeBase:
    """Holds the knowledge in force and replaces it when definitions change.

    Args:
        registry: The definitions at the start.
        build: Makes knowledge of a registry.

    Attributes:
        current: The knowledge in force; take it once a request.
    """

    def __init__(self, registry: Registry, build: Callable[[Registry], Knowledge]) -> None:
        self._build = build
        self._changing = asyncio.Lock()
        self._in_force: dict[Key, InForce] = {}
        self.current = build(registry)

    async def apply(self, versions: Sequence[StoredVersion]) -> tuple[Issue, ...]:
        """Let committed versions of definitions take effect, deletions too.

        A version that took effect before, or a newer one, costs nothing.

        Returns:
            A warning for each definition that cannot take effect; it stays stored, and what was in
            force under its URL before stays in force.
        """
        async with self._changing:
            fresh = [version for version in versions if not self._has(version)]
            if fresh:
                await self._replace(fresh)
            told = (self._in_force[_key(version)].warnings for version in versions)
            return tuple(dict.fromkeys(warning for warnings in told for warning in warnings))

    def _has(self, version: StoredVersion) -> bool:
        """Say whether a version or a newer one took effect.

        Versions start anew where everything of a resource was removed for good.
        """
        known = self._in_force.get(_key(version))
        return (
            known is not None
            and known.version_id >= version.version_id
            and known.last_updated >= version.last_updated
        )

    async def _replace(self, fresh: list[StoredVersion]) -> None:
        known = (self._in_force.get(_key(version)) for version in fresh)
        urls = [None if found is None else found.url for found in known]
        resources = [None if v.body is None else decode_stored(v.body) for v in fresh]
        changes = [
            (version.resource_type, url, resource)
            for version, url, resource in zip(fresh, urls, resources, strict=True)
        ]
        registry, warnings = await asyncio.to_thread(_changed, self.current.registry, changes)
        self.current = await asyncio.to_thread(self._build, registry)
        for version, resource in zip(fresh, resources, strict=True):
            url = None if resource is None else resource.get("url")
            self._in_force[_key(version)] = InForce(
                version.version_id, version.last_updated, url, warnings
            )

    async def rest_on(self, base: Registry) -> tuple[Issue, ...]:
        """Put packages in force that were loaded anew, with the stored definitions on top of them.

        Returns:
            A warning for each stored definition that does not compile on them.
        """
        async with self._changing:
            given = list(self.current.registry.given())
            changes = [(one["resourceType"], None, one) for one in given]
            registry, warnings = await asyncio.to_thread(_changed, base, changes)
            self.current = await asyncio.to_thread(self._build, registry)
            return warnings

    async def load(self, store: ResourceStore) -> tuple[Issue, ...]:
        """Let every definition take effect that the store holds, and none that it does not."""
        warnings: list[Issue] = []
        missed = set(self._in_force)
        for resource_type in sorted(DEFINITION_TYPES):
            versions = await _stored(store, ResourceType(resource_type))
            missed.difference_update(map(_key, versions))
            warnings += await self.apply(versions)
        await self.apply([*(await store.read_many(sorted(missed))).values()])
        return tuple(warnings)

    async def follow(self, store: ResourceStore) -> None:
        """Let definitions take effect that other processes commit; without end.

        Returns only where the database cannot be followed.
        """
        token: str | None = None
        while True:
            try:
                async for batch in store.changes(DEFINITION_TYPES, token):
                    if token is None:  # nothing is missed between the start and the first batch
                        await self.load(store)
                    token = batch.token
                    keys = {(change.resource_type, change.logical_id) for change in batch.changes}
                    if keys:
                        await self.apply([*(await store.read_many(sorted(keys))).values()])
            except NotSupported:
                return
            except ChangesLost:
                token = None
            except Unavailable:
                pass
            await asyncio.sleep(_PAUSE_S)


def _key(version: StoredVersion) -> Key:
    return version.resource_type, version.logical_id


async def _stored(store: ResourceStore, resource_type: ResourceType) -> list[StoredVersion]:
    query = SearchQuery(resource_types=(resource_type,), page_count=_PAGE_COUNT)
    found: list[StoredVersion] = []
    while True:
        page = await store.search(query)
        found += page.matches
        if page.next is None:
            return found
        query = replace(query, after=page.next)


def _changed(
    registry: Registry, changes: Sequence[tuple[str, str | None, JsonObject | None]]
) -> tuple[Registry, tuple[Issue, ...]]:
    """Make the registry after ``changes``: all at once, or one by one where that fails.

    Args:
        registry: Before them.
        changes: Type, URL before (None: not in force) and resource (None: deleted).
    """
    for resource_type, url, after in changes:
        if url is not None and (after is None or after.get("url") != url):
            registry = registry.without(resource_type, url)
    added = [after for *_, after in changes if after is not None]
    if not added:
        return registry, ()
    try:
        return registry.with_resources(added), ()
    except DefinitionErrors as error:
        if len(added) == 1:
            return registry, (_inactive(added[0], error),)
    warnings: list[Issue] = []
    for resource in added:
        try:
            registry = registry.with_resources([resource])
        except DefinitionErrors as error:
            warnings.append(_inactive(resource, error))
    return registry, tuple(warnings)


def _inactive(resource: JsonObject, error: DefinitionErrors) -> Issue:
    reasons = "; ".join(found.text.en for found in error.issues[:3])
    return issue(
        "definition-not-active",
        found=resource.get("url", resource.get("id", "")),
        reason=reasons or str(error),
    )
