"""A store filled through the extractor and asked through the parser: search without HTTP."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from fhir_server.definitions import Registry
from fhir_server.model import VersionId, encode
from fhir_server.search import IndexExtractor, IndexValues, QueryParser, SearchQuery
from fhir_server.storage import ResourceStore, StoredVersion, Write
from tests.support.search_evaluator import Key
from tests.unit.search.conftest import BASE_URL, NOW, Concepts

LAST_UPDATED = "2024-03-15T10:00:00.000Z"


class Filled:
    """A store, and what turns resources and queries into what it takes.

    Args:
        runner: Runs what the store does.
        store: Empty at first.
        registry: The definitions.
    """

    def __init__(self, runner: asyncio.Runner, store: ResourceStore, registry: Registry) -> None:
        self.runner = runner
        self.store = store
        self.parser = QueryParser(
            registry, expander=Concepts(), now=lambda: NOW, full_text="content"
        )
        self._extractor = IndexExtractor(registry, base_urls=[BASE_URL], full_text="content")

    def put(self, resource: dict[str, Any]) -> tuple[Key, IndexValues]:
        """Store one resource; return its key and what it is found by."""
        version, values = self._version(resource), self._extractor.extract(_dated(resource))
        self.runner.run(self.store.commit([Write(version=version, values=values)]))
        return (version.resource_type, version.logical_id), values

    def put_all(self, resources: Sequence[dict[str, Any]]) -> None:
        """Store resources in one commit."""
        writes = [
            Write(version=self._version(one), values=self._extractor.extract(_dated(one)))
            for one in resources
        ]
        self.runner.run(self.store.commit(writes))

    def _version(self, resource: dict[str, Any]) -> StoredVersion:
        resource = _dated(resource)
        return StoredVersion(
            resource_type=resource["resourceType"],
            logical_id=resource["id"],
            version_id=VersionId(1),
            last_updated=datetime.fromisoformat(resource["meta"]["lastUpdated"]),
            method="POST",
            body=encode(resource),
        )

    def query(self, text: str, sort: str | None = None) -> SearchQuery:
        """Parse ``Type?a=b&c=d``; nothing is percent-encoded."""
        resource_type, _, rest = text.partition("?")
        pairs = [(name, value) for name, _, value in (p.partition("=") for p in rest.split("&"))]
        return self.parsed(resource_type, [*pairs, *([] if sort is None else [("_sort", sort)])])

    def parsed(self, resource_type: str, pairs: Sequence[tuple[str, str]]) -> SearchQuery:
        """Parse names and values as they come out of a URL."""
        return self.parser.parse([resource_type], pairs, base_url=BASE_URL).query

    def pages(self, query: SearchQuery) -> tuple[list[Key], int | None]:
        """All matches by following the pages, and the total."""
        found: list[Key] = []
        while True:
            page = self.runner.run(self.store.search(query))
            found += [(match.resource_type, match.logical_id) for match in page.matches]
            if page.next is None:
                return found, page.total
            assert page.matches, "a page before the last one has matches"
            assert len(found) == len(set(found)), "pages must not go round"
            query = replace(query, after=page.next)


def _dated(resource: dict[str, Any]) -> dict[str, Any]:
    return {**resource, "meta": {"lastUpdated": LAST_UPDATED, **resource.get("meta", {})}}
