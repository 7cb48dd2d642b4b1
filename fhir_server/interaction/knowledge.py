"""Everything derived from definitions, as one immutable value that is swapped in one assignment.

A request takes ``KnowledgeBase.current`` once and finishes on it, whatever is written meanwhile.
Decision: docs/decisions/0070-stored-definitions-take-effect.md
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fhir_server.definitions import DefinitionErrors, Registry
from fhir_server.model import Issue, JsonObject, ResourceType, decode_stored, issue
from fhir_server.search import IndexExtractor, QueryParser, SearchQuery
from fhir_server.storage import ResourceStore
from fhir_server.terminology import Terminology
from fhir_server.validation import Validator

DEFINITION_TYPES = frozenset(
    {
        "CodeSystem", "ConceptMap", "NamingSystem", "Questionnaire", "SearchParameter",
        "StructureDefinition", "ValueSet",
    }
)  # fmt: skip
"""Types whose stored instances take effect at once."""

_PAGE_COUNT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The definitions in force and what works by them; all parts belong to the same registry."""

    registry: Registry
    terminology: Terminology
    validator: Validator
    extractor: IndexExtractor
    parser: QueryParser


class DefinitionChange(NamedTuple):
    """A definition before and after a commit; None: it was not there, or it is deleted."""

    before: JsonObject | None
    after: JsonObject | None


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
        self.current = build(registry)

    async def apply(self, changes: Sequence[DefinitionChange]) -> tuple[Issue, ...]:
        """Let committed changes of definitions take effect.

        Returns:
            A warning for each definition that cannot take effect; it stays stored, and what was in
            force under its URL before stays in force.
        """
        async with self._changing:
            registry, warnings = await asyncio.to_thread(_changed, self.current.registry, changes)
            self.current = await asyncio.to_thread(self._build, registry)
        return warnings

    async def load(self, store: ResourceStore) -> tuple[Issue, ...]:
        """Let every definition take effect that the store holds; meant for the start."""
        warnings: list[Issue] = []
        for resource_type in sorted(DEFINITION_TYPES):
            query = SearchQuery(
                resource_types=(ResourceType(resource_type),), page_count=_PAGE_COUNT
            )
            changes: list[DefinitionChange] = []
            while True:
                page = await store.search(query)
                changes += (
                    DefinitionChange(None, decode_stored(version.body))
                    for version in page.matches
                    if version.body is not None
                )
                if page.next is None:
                    break
                query = SearchQuery(
                    resource_types=query.resource_types, page_count=_PAGE_COUNT, after=page.next
                )
            if changes:
                warnings += await self.apply(changes)
        return tuple(warnings)


def _changed(
    registry: Registry, changes: Sequence[DefinitionChange]
) -> tuple[Registry, tuple[Issue, ...]]:
    """Make the registry after ``changes``: all at once, or one by one where that fails."""
    for before, after in changes:
        if before is not None and (after is None or after.get("url") != before.get("url")):
            registry = registry.without(before["resourceType"], before.get("url", ""))
    added = [after for _, after in changes if after is not None]
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
