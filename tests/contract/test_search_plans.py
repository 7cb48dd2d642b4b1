"""Every search of the specification's cases is answered from indexes, in both stores.

Kinds and orders one by one: ``tests/unit/storage``.

Spec: https://hl7.org/fhir/R4/search.html
"""

import asyncio
from collections.abc import Iterator

import pytest

from fhir_server.definitions import load_registry
from fhir_server.storage import ExplainedStep, ResourceStore
from fhir_server.storage.sqlite import open_sqlite
from tests.support.filled import Filled
from tests.support.mongo_store import empty_store
from tests.support.plans import whole_tables
from tests.unit.search.conftest import data, exact

CASES = data("searches.yaml")


@pytest.fixture(scope="module", params=["sqlite", "mongodb"])
def filled(request: pytest.FixtureRequest) -> Iterator[tuple[str, Filled]]:
    with asyncio.Runner() as runner:
        if request.param == "mongodb":
            store: ResourceStore = runner.run(empty_store(request.getfixturevalue("mongodb_url")))
        else:
            store = runner.run(open_sqlite(":memory:"))
        made = Filled(runner, store, load_registry(national=False))
        made.put_all([exact(resource) for resource in CASES["resources"]])
        yield request.param, made
        runner.run(store.close())


@pytest.mark.parametrize("text", CASES["searches"])
def test_no_search_reads_everything_there_is(text: str, filled: tuple[str, Filled]) -> None:
    name, store = filled
    steps: tuple[ExplainedStep, ...] = store.runner.run(store.store.explain(store.query(text)))
    if name == "sqlite":
        assert whole_tables(steps) == []
        return
    assert all(step.indexes for step in steps), steps
