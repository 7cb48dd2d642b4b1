"""Several stores, as several processes, on one file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import EVERYTHING
from fhir_server.storage import AlreadyExists, ResourceStore, StaleWrite
from fhir_server.storage.sqlite import open_sqlite
from tests.support.stored import ids, query, token, tokens, write

pytestmark = pytest.mark.anyio


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[list[ResourceStore]]:
    path = tmp_path / "store.sqlite"
    opened = list(await asyncio.gather(*(open_sqlite(path) for _ in range(3))))
    yield opened
    for store in opened:
        await store.close()


async def test_all_see_what_one_has_committed(workers: list[ResourceStore]) -> None:
    first, second, third = workers
    await first.commit([write("1", values=tokens(("a system", "a")))])
    asked = query(token(("a system", "a")))
    assert await ids(second, asked) == ["1"]
    await second.commit([write("2", values=tokens(("a system", "a"), ("another", "b")))])
    assert await ids(third, asked) == ["2", "1"]
    assert await ids(first, query(token(("another", "b")))) == ["2"]


async def test_commits_of_all_are_kept_apart(workers: list[ResourceStore]) -> None:
    await asyncio.gather(*(
        store.commit([
            write(f"{worker}-{n}", values=tokens((f"system {n}", "a"), ("common", f"{worker}"))),
            write(f"{worker}-{n}", resource_type="Group"),
        ])
        for n in range(30)
        for worker, store in enumerate(workers)
    ))  # fmt: skip
    assert len(await ids(workers[0], query(EVERYTHING))) == 90
    for n in range(30):
        found = await ids(workers[n % 3], query(token((f"system {n}", "a"))))
        assert sorted(found) == [f"{worker}-{n}" for worker in range(3)]
    assert len(await ids(workers[1], query(token(("common", "2"))))) == 30


async def test_of_racing_updates_one_wins_across_processes(workers: list[ResourceStore]) -> None:
    await workers[0].commit([write("1")])
    for version_id in range(2, 8):
        outcomes = await asyncio.gather(
            *(store.commit([write("1", version_id)]) for store in workers for _ in range(3)),
            return_exceptions=True,
        )
        assert sum(outcome is None for outcome in outcomes) == 1
        assert sum(isinstance(outcome, StaleWrite) for outcome in outcomes) == 8
    found = await workers[2].read(ResourceType("Patient"), LogicalId("1"))
    assert found is not None
    assert found.version_id == 7


async def test_a_conditional_create_makes_one_across_processes(
    workers: list[ResourceStore],
) -> None:
    where = query(token(("tax", "1")))
    outcomes = await asyncio.gather(
        *(
            store.commit([write(f"{worker}-{n}", values=tokens(("tax", "1")), unless=where)])
            for n in range(10)
            for worker, store in enumerate(workers)
        ),
        return_exceptions=True,
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 29
    assert len(await ids(workers[0], where)) == 1
