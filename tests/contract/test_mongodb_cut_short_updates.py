"""An update cut short between history and replacement, and what others see and do then.

The database refuses the second step, which is what a crash between the two leaves behind.
Reference: docs/mongodb.md and docs/decisions/0095-updates-write-history-first.md
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.model import LogicalId, ResourceType, Unavailable, VersionId
from fhir_server.storage import HistoryQuery, ResourceStore, StaleWrite, Write
from fhir_server.storage.mongodb import open_mongodb
from tests.contract.test_mongodb_faults import no_sockets_left, started
from tests.support.mongo_store import database_url
from tests.support.mongod import ReplicaSet, Standalone
from tests.support.stored import AT, deletion, history, history_of, ids, query, token, tokens, write

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
__all__ = ["no_sockets_left"]

PATIENT = ResourceType("Patient")
ONE = LogicalId("1")
SECOND = timedelta(seconds=1)


def minute(number: int) -> datetime:
    return AT + timedelta(minutes=number)


@pytest.fixture(scope="module", params=[ReplicaSet, Standalone])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReplicaSet]:
    options = ("--setParameter", "enableTestCommands=1")
    folder = tmp_path_factory.mktemp("cut-short")
    yield from started(lambda: request.param(folder, options=options))


@pytest.fixture
def url(server: ReplicaSet, request: pytest.FixtureRequest) -> str:
    return database_url(server.url, f"t{abs(hash(request.node.name))}")


@pytest.fixture
async def store(url: str) -> AsyncIterator[ResourceStore]:
    opened = await open_mongodb(url)
    yield opened
    await opened.close()


@contextmanager
def no_replacements(server: ReplicaSet) -> Iterator[None]:
    data = {"failCommands": ["update"], "appName": "fhir-server", "errorCode": 8}
    with MongoClient[dict[str, Any]](server.url) as direct:
        direct.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=data)
        try:
            yield
        finally:
            direct.admin.command("configureFailPoint", "failCommand", mode="off")


async def cut_short(store: ResourceStore, server: ReplicaSet, *writes: Write) -> None:
    with no_replacements(server):
        outcomes = await asyncio.gather(
            *(store.commit([one]) for one in writes), return_exceptions=True
        )
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)


def entries(server: ReplicaSet, url: str) -> list[str]:
    """What is in the history collection."""
    name = url.rpartition("/")[2].partition("?")[0]
    with MongoClient[dict[str, Any]](server.url) as direct:
        return sorted(found["_id"] for found in direct[name]["history"].find({}, {"_id": 1}))


async def test_what_is_cut_short_changes_nothing_that_can_be_seen(
    store: ResourceStore, server: ReplicaSet, url: str
) -> None:
    first = write("1", values=tokens(("s", "a")))
    await store.commit([first])
    await store.commit([write("2")])
    await cut_short(store, server, write("1", 2), deletion("2", 2))
    assert entries(server, url) == ["Patient/1/1", "Patient/2/1"]
    assert await store.read(PATIENT, ONE) == first.version
    assert await store.vread(PATIENT, ONE, VersionId(1)) == first.version
    assert await store.vread(PATIENT, ONE, VersionId(2)) is None
    assert await ids(store, query(token(("s", "a")))) == ["1"]
    assert [version.version_id for version in await history_of(store, "1")] == [1]
    for asked in (
        HistoryQuery(resource_type=PATIENT, logical_id=ONE),
        HistoryQuery(resource_type=PATIENT, logical_id=ONE, page_count=0),
    ):
        assert (await store.history(asked)).total == 1
    of_type = HistoryQuery(resource_type=PATIENT)
    assert [one.logical_id for one in await history(store, of_type)] == ["2", "1"]
    assert (await store.history(of_type)).total == 2


async def test_pages_of_a_type_show_what_is_cut_short_once(
    store: ResourceStore, server: ReplicaSet
) -> None:
    for number in range(4):
        await store.commit([write(f"{number}", at=minute(number))])
    await cut_short(store, server, *(write(f"{number}", 2) for number in range(4)))
    asked = HistoryQuery(resource_type=PATIENT, page_count=1, counts=False)
    assert [one.logical_id for one in await history(store, asked)] == ["3", "2", "1", "0"]


async def test_the_next_update_goes_on_and_ends_the_version_at_its_own_time(
    store: ResourceStore, server: ReplicaSet, url: str
) -> None:
    await store.commit([write("1", at=minute(0))])
    await cut_short(store, server, write("1", 2, at=minute(5)))
    second = write("1", 2, at=minute(60))
    await store.commit([second])
    assert await store.read(PATIENT, ONE) == second.version
    assert [version.version_id for version in await history_of(store, "1")] == [2, 1]
    assert entries(server, url) == ["Patient/1/1"]
    half_past = HistoryQuery(resource_type=PATIENT, logical_id=ONE, at=(minute(30), minute(31)))
    assert [version.version_id for version in await history(store, half_past)] == [1]


async def test_a_bundle_goes_on_from_what_is_cut_short(
    store: ResourceStore, server: ReplicaSet, url: str
) -> None:
    if isinstance(server, Standalone):
        return  # it takes no bundles
    await store.commit([write("1", at=minute(0))])
    await store.commit([write("2", at=minute(0))])
    await cut_short(store, server, write("1", 2, at=minute(5)))
    await store.commit([write("1", 2, at=minute(60)), write("2", 2, at=minute(60)), write("3")])
    assert [version.version_id for version in await history_of(store, "1")] == [2, 1]
    assert [version.version_id for version in await history_of(store, "2")] == [2, 1]
    assert entries(server, url) == ["Patient/1/1", "Patient/2/1"]
    half_past = HistoryQuery(resource_type=PATIENT, logical_id=ONE, at=(minute(30), minute(31)))
    assert [version.version_id for version in await history(store, half_past)] == [1]


@pytest.mark.parametrize("is_deletion", [False, True])
async def test_of_equal_updates_in_the_same_millisecond_one_wins(
    store: ResourceStore, url: str, *, is_deletion: bool
) -> None:
    """All were told that they had made the version: of 50 increments two were lost."""
    stores = [store, *[await open_mongodb(url) for _ in range(4)]]
    for resource in range(10):
        await store.commit([write(f"{resource}")])
        for one in stores:
            await one.read(PATIENT, LogicalId(f"{resource}"))
    racing = [
        one.commit([deletion(f"{resource}", 2) if is_deletion else write(f"{resource}", 2)])
        for resource in range(10)
        for one in stores
        for _ in range(2)
    ]
    outcomes = await asyncio.gather(*racing, return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 10
    assert sum(isinstance(outcome, StaleWrite) for outcome in outcomes) == 90
    for other in stores[1:]:
        await other.close()


async def test_what_is_replaced_before_it_was_looked_after_counts_as_written(
    store: ResourceStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a group is lost, and another one replaced by a third, before it is asked which."""
    other = await open_mongodb(url)
    for logical_id in ("won", "lost"):
        await store.commit([write(logical_id)])
        await store.read(PATIENT, LogicalId(logical_id))
    await other.commit([write("lost", 2, at=minute(1))])
    collection = store._handle.resources  # type: ignore[attr-defined] # between its two steps
    replace_all = collection.bulk_write

    async def and_then_others(*operations: Any, **options: Any) -> Any:
        result = await replace_all(*operations, **options)
        await other.commit([write("won", 3, at=minute(3))])
        return result

    monkeypatch.setattr(collection, "bulk_write", and_then_others)
    outcomes = await asyncio.gather(
        *(store.commit([write(one, 2, at=minute(2))]) for one in ("won", "lost")),
        return_exceptions=True,
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], StaleWrite)
    assert [one.last_updated for one in await history_of(store, "won")] == [
        minute(3), minute(2), AT,
    ]  # fmt: skip
    await other.close()


@pytest.mark.parametrize("is_deletion", [False, True])
async def test_of_updates_that_race_in_several_processes_one_wins_each_round(
    store: ResourceStore, url: str, *, is_deletion: bool
) -> None:
    """Losers write to the history too; a version ends when the winner began all the same."""
    stores = [store, await open_mongodb(url), await open_mongodb(url)]
    for resource in range(5):
        await store.commit([write(f"{resource}")])
    rounds = range(2, 3 if is_deletion else 6)
    for version_id in rounds:
        racing = [
            one.commit([
                deletion(f"{resource}", version_id, at=minute(10 * version_id + number))
                if is_deletion
                else write(f"{resource}", version_id, at=minute(10 * version_id + number))
            ])
            for number, one in enumerate(stores)
            for resource in range(5)
        ]  # fmt: skip
        outcomes = await asyncio.gather(*racing, return_exceptions=True)
        assert sum(outcome is None for outcome in outcomes) == 5
        assert sum(isinstance(outcome, StaleWrite) for outcome in outcomes) == 10
    for resource in range(5):
        versions = await history_of(store, f"{resource}")
        assert [one.version_id for one in versions] == [*reversed(range(1, rounds.stop))]
        for older, newer in zip(versions[1:], versions, strict=False):
            at = newer.last_updated - timedelta(microseconds=1)
            before = HistoryQuery(
                resource_type=PATIENT, logical_id=newer.logical_id, at=(at, newer.last_updated)
            )
            assert await history(store, before) == [older]
            since = replace(before, at=(newer.last_updated, newer.last_updated + SECOND))
            assert await history(store, since) == [newer]
    for other in stores[1:]:
        await other.close()
