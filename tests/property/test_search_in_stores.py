"""Every store finds, orders and pages as the plain evaluator of the search tree does.

Spec: https://hl7.org/fhir/R4/search.html
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fhir_server.definitions import load_registry
from fhir_server.search import SearchQuery
from fhir_server.storage import ResourceStore
from fhir_server.storage.sqlite import open_sqlite
from tests.support.filled import Filled
from tests.support.mongo_store import empty_store
from tests.support.search_evaluator import Corpus, Key, search, sort_value
from tests.unit.search.conftest import data, exact

CASES = data("searches.yaml")
SORTS = {
    "Patient": ["name", "-birthdate", "_id", "-_lastUpdated", "organization", "gender,-name"],
    "Observation": ["date", "-value-quantity", "code", "subject,-date", "status,_id"],
    "Encounter": ["-date", "status"],
    "RiskAssessment": ["probability", "-probability"],
    "ValueSet": ["url", "-status"],
    "Organization": ["name"],
}
Stored = tuple[Filled, Corpus]
"""A store, and beside it what the evaluator needs to know of the same resources."""


@pytest.fixture(scope="module", params=["sqlite", "mongodb"])
def stored(request: pytest.FixtureRequest) -> Iterator[Stored]:
    with asyncio.Runner() as runner:
        if request.param == "mongodb":
            store: ResourceStore = runner.run(empty_store(request.getfixturevalue("mongodb_url")))
        else:
            store = runner.run(open_sqlite(":memory:"))
        filled = Filled(runner, store, load_registry(national=False))
        yield filled, dict(filled.put(exact(resource)) for resource in CASES["resources"])
        runner.run(store.close())


@pytest.mark.parametrize("text", CASES["searches"])
def test_a_store_finds_and_orders_what_the_evaluator_does(text: str, stored: Stored) -> None:
    filled, corpus = stored
    for sort in (None, *SORTS.get(text.partition("?")[0], [])):
        query = replace(filled.query(text, sort), total="accurate")
        expected = search(query, corpus)
        for page_count in (100, 2, 1):
            found, total = filled.pages(replace(query, page_count=page_count))
            assert sorted(found) == sorted(expected)
            assert total == len(expected)
            assert order(query, found, corpus) == order(query, expected, corpus)


def order(query: SearchQuery, keys: list[Key], corpus: Corpus) -> list[Any]:
    """What the resources are ordered by; ties may come in any order."""
    return [[sort_value(sort, key, corpus) for sort in query.sort] for key in keys]
