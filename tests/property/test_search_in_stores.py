"""Every store finds, orders and pages as the plain evaluator of the search tree does.

Spec: https://hl7.org/fhir/R4/search.html
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from fhir_server.definitions import load_registry
from fhir_server.model import VersionId, encode
from fhir_server.search import IndexExtractor, QueryParser, SearchQuery
from fhir_server.storage import ResourceStore, StoredVersion, Write
from fhir_server.storage.sqlite import open_sqlite
from tests.support.mongo_store import empty_store
from tests.support.search_evaluator import Corpus, Key, search, sort_value
from tests.unit.search.conftest import BASE_URL, NOW, Concepts, data, exact

CASES = data("searches.yaml")
SORTS = {
    "Patient": ["name", "-birthdate", "_id", "-_lastUpdated", "organization", "gender,-name"],
    "Observation": ["date", "-value-quantity", "code", "subject,-date", "status,_id"],
    "Encounter": ["-date", "status"],
    "RiskAssessment": ["probability", "-probability"],
    "ValueSet": ["url", "-status"],
    "Organization": ["name"],
}
LAST_UPDATED = "2024-03-15T10:00:00.000Z"


class Filled:
    """A store and, beside it, what the evaluator needs to know of the same resources."""

    def __init__(self, runner: asyncio.Runner, store: ResourceStore) -> None:
        registry = load_registry(national=False)
        self.runner = runner
        self.store = store
        self.parser = QueryParser(registry, expander=Concepts(), now=lambda: NOW)
        self._extractor = IndexExtractor(registry, base_urls=[BASE_URL])
        self.corpus: Corpus = dict(map(self._put, CASES["resources"]))

    def _put(self, resource: dict[str, Any]) -> tuple[Key, Any]:
        resource = exact(resource)
        resource = {**resource, "meta": {"lastUpdated": LAST_UPDATED, **resource.get("meta", {})}}
        version = StoredVersion(
            resource_type=resource["resourceType"],
            logical_id=resource["id"],
            version_id=VersionId(1),
            last_updated=datetime.fromisoformat(resource["meta"]["lastUpdated"]),
            method="POST",
            body=encode(resource),
        )
        values = self._extractor.extract(resource)
        self.runner.run(self.store.commit([Write(version=version, values=values)]))
        return (version.resource_type, version.logical_id), values

    def query(self, text: str, sort: str | None) -> SearchQuery:
        resource_type, _, rest = text.partition("?")
        pairs = [(name, value) for name, _, value in (p.partition("=") for p in rest.split("&"))]
        if sort is not None:
            pairs.append(("_sort", sort))
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


@pytest.fixture(scope="module", params=["sqlite", "mongodb"])
def filled(request: pytest.FixtureRequest) -> Iterator[Filled]:
    with asyncio.Runner() as runner:
        if request.param == "mongodb":
            store: ResourceStore = runner.run(empty_store(request.getfixturevalue("mongodb_url")))
        else:
            store = runner.run(open_sqlite(":memory:"))
        yield Filled(runner, store)
        runner.run(store.close())


@pytest.mark.parametrize("text", CASES["searches"])
def test_a_store_finds_and_orders_what_the_evaluator_does(text: str, filled: Filled) -> None:
    for sort in (None, *SORTS.get(text.partition("?")[0], [])):
        query = replace(filled.query(text, sort), total="accurate")
        expected = search(query, filled.corpus)
        for page_count in (100, 2, 1):
            found, total = filled.pages(replace(query, page_count=page_count))
            assert sorted(found) == sorted(expected)
            assert total == len(expected)
            assert order(query, found, filled) == order(query, expected, filled)


def order(query: SearchQuery, keys: list[Key], filled: Filled) -> list[Any]:
    """What the resources are ordered by; ties may come in any order."""
    return [[sort_value(sort, key, filled.corpus) for sort in query.sort] for key in keys]
