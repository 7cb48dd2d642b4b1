"""Random resources, histories of writes and queries: a store finds what the evaluator does.

The evaluator is ``tests/support/search_evaluator.py``.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import (
    And,
    Chain,
    Has,
    IndexValues,
    Node,
    Not,
    Or,
    SearchQuery,
    SortKey,
)
from fhir_server.storage import ResourceStore, Write
from tests.contract.conftest import StoreFactory
from tests.support import search_evaluator as evaluator
from tests.support.random_index import IDS, LEAVES, TYPES, VALUES
from tests.support.stored import deletion, write


def larger(part: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(part, max_size=3).map(tuple)
    return st.one_of(
        st.builds(And, parts=parts),
        st.builds(Or, parts=parts),
        st.builds(Not, part=part),
        st.builds(Chain, parameter=st.just("r"), target_type=TYPES, where=part),
        st.builds(Has, source_type=TYPES, parameter=st.just("r"), where=part),
    )


NODES: st.SearchStrategy[Node] = st.recursive(LEAVES, larger, max_leaves=5)
KINDS = {
    "t": "token", "n": "string", "d": "date", "x": "number", "q": "quantity", "r": "reference",
    "u": "uri", "_id": "_id",
}  # fmt: skip
SORT_KEYS = st.builds(
    lambda name, is_descending: SortKey(
        parameter=name, kind=KINDS[name], is_descending=is_descending  # type: ignore[arg-type] # literals of the table
    ),
    st.sampled_from(sorted(KINDS)),
    st.booleans(),
)  # fmt: skip
QUERIES = st.builds(
    SearchQuery,
    resource_types=st.lists(TYPES, min_size=1, max_size=2, unique=True).map(tuple),
    where=NODES,
    sort=st.lists(SORT_KEYS, max_size=2, unique_by=lambda key: key.parameter).map(tuple),
    page_count=st.sampled_from([1, 2, 100]),
    total=st.just("accurate"),
)
CHANGES = st.lists(st.tuples(TYPES, IDS, st.none() | VALUES), max_size=14)


def commits(changes: Sequence[tuple[ResourceType, LogicalId, IndexValues | None]]) -> Any:
    """The changes as writes, and what is current after them."""
    versions: dict[evaluator.Key, int] = {}
    corpus: dict[evaluator.Key, IndexValues] = {}
    writes: list[Write] = []
    for resource_type, logical_id, values in changes:
        key = (resource_type, logical_id)
        if values is None and key not in corpus:
            continue
        versions[key] = versions.get(key, 0) + 1
        if values is None:
            del corpus[key]
            writes.append(deletion(logical_id, versions[key], resource_type=resource_type))
        else:
            corpus[key] = values
            writes.append(write(logical_id, versions[key], values, resource_type=resource_type))
    return writes, corpus


async def check(store: ResourceStore, queries: Sequence[SearchQuery], corpus: Any) -> None:
    for query in queries:
        expected = evaluator.search(query, corpus)
        found: list[evaluator.Key] = []
        asked = query
        while True:
            page = await store.search(asked)
            assert page.total == len(expected)
            assert len(page.matches) <= query.page_count
            found += [(match.resource_type, match.logical_id) for match in page.matches]
            assert len(found) <= len(expected), "pages must not go round"
            if page.next is None:
                break
            asked = replace(query, after=page.next)
        assert sorted(found) == sorted(expected)
        assert [order(query, key, corpus) for key in found] == [
            order(query, key, corpus) for key in expected
        ]


def order(query: SearchQuery, key: evaluator.Key, corpus: Any) -> list[Any]:
    """What a match is ordered by; ties may come in any order."""
    return [evaluator.sort_value(sort, key, corpus) for sort in query.sort]


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(together=st.booleans(), changes=CHANGES, queries=st.lists(QUERIES, min_size=1, max_size=8))
def test_a_store_finds_orders_and_pages_what_the_evaluator_does(
    open_store: StoreFactory, together: bool, changes: Any, queries: list[SearchQuery]
) -> None:
    writes, corpus = commits(changes)

    async def run(folder: Path) -> None:
        store = await open_store(folder)
        try:
            if together:
                await asyncio.gather(*(store.commit([one]) for one in writes))
            else:
                for one in writes:
                    await store.commit([one])
            await check(store, queries, corpus)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
