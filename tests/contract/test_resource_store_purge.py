"""Versions that are removed for good: what goes, what stays, and that writers are not disturbed."""

import asyncio

import pytest

from fhir_server.model import LogicalId, ResourceType, VersionId
from fhir_server.search import IndexValues, ReferenceMatch, ReferenceTerm
from fhir_server.storage import HistoryQuery, Purge, ResourceStore, StaleWrite
from tests.support.stored import (
    deletion,
    history,
    history_of,
    ids,
    links,
    query,
    token,
    tokens,
    write,
)

pytestmark = pytest.mark.anyio

PATIENT = ResourceType("Patient")
ONE = LogicalId("1")
CODE = tokens(("s", "x"))
BY_CODE = query(token(("s", "x")))
ALL = Purge(superseded=True, deleted=True)


async def versions(store: ResourceStore, logical_id: str) -> list[int]:
    return [one.version_id for one in await history_of(store, logical_id)]


async def updated(store: ResourceStore, logical_id: str, count: int) -> None:
    for number in range(1, count + 1):
        await store.commit([write(logical_id, number, values=CODE)])


async def test_superseded_versions_go_and_what_is_current_stays(store: ResourceStore) -> None:
    await updated(store, "1", 3)
    await updated(store, "2", 1)
    assert await store.purge(Purge(superseded=True)) == 2
    assert await versions(store, "1") == [3]
    assert await store.vread(PATIENT, ONE, VersionId(2)) is None
    found = await store.vread(PATIENT, ONE, VersionId(3))
    assert found == await store.read(PATIENT, ONE)
    assert sorted(await ids(store, BY_CODE)) == ["1", "2"]
    assert (await store.history(HistoryQuery())).total == 2
    assert await store.purge(ALL) == 0
    await store.commit([write("1", 4, values=CODE)])
    assert await versions(store, "1") == [4, 3]


async def test_of_deleted_resources_nothing_is_left_and_versions_start_anew(
    store: ResourceStore,
) -> None:
    await updated(store, "1", 2)
    await store.commit([deletion("1", 3)])
    await updated(store, "2", 2)
    assert await store.purge(Purge(deleted=True)) == 3
    assert await store.read(PATIENT, ONE) is None
    assert await store.read_many([(PATIENT, ONE)]) == {}
    assert await store.vread(PATIENT, ONE, VersionId(1)) is None
    assert await versions(store, "1") == []
    assert await versions(store, "2") == [2, 1]
    assert (await store.history(HistoryQuery(resource_type=PATIENT))).total == 2
    assert await ids(store, BY_CODE) == ["2"]
    again = write("1", values=CODE, method="POST")
    await store.commit([again])
    assert await store.read(PATIENT, ONE) == again.version
    for number in (2, 3, 4):
        await store.commit([write("1", number, values=CODE)])
    assert await versions(store, "1") == [4, 3, 2, 1]
    assert [one.is_deleted for one in await history_of(store, "1")] == [False] * 4


async def test_one_type_or_one_resource_is_chosen(store: ResourceStore) -> None:
    await updated(store, "1", 2)
    await updated(store, "2", 2)
    for number in (1, 2):
        await store.commit([write("1", number, resource_type="Group")])
    group = Purge(resource_type=ResourceType("Group"), superseded=True)
    assert await store.purge(group) == 1
    one = Purge(resource_type=PATIENT, logical_id=ONE, superseded=True, deleted=True)
    assert await store.purge(one) == 1
    assert (await versions(store, "1"), await versions(store, "2")) == ([2], [2, 1])
    never = Purge(resource_type=ResourceType("Basic"), superseded=True, deleted=True)
    assert await store.purge(never) == 0
    missing = Purge(resource_type=PATIENT, logical_id=LogicalId("none"), deleted=True)
    assert await store.purge(missing) == 0


async def test_without_deleted_a_deletion_stays(store: ResourceStore) -> None:
    await updated(store, "1", 2)
    await store.commit([deletion("1", 3)])
    chosen = Purge(resource_type=PATIENT, logical_id=ONE, superseded=True)
    assert await store.purge(chosen) == 2
    read = await store.read(PATIENT, ONE)
    assert read is not None
    assert (read.version_id, read.is_deleted) == (3, True)
    assert await store.purge(Purge(resource_type=PATIENT, logical_id=ONE, deleted=True)) == 1
    assert await store.read(PATIENT, ONE) is None


async def test_nothing_asked_removes_nothing(store: ResourceStore) -> None:
    await updated(store, "1", 2)
    assert await store.purge(Purge()) == 0
    assert await versions(store, "1") == [2, 1]


async def test_the_limit_leaves_the_newest(store: ResourceStore) -> None:
    await updated(store, "1", 4)
    assert await store.purge(Purge(superseded=True, limit=2)) == 2
    assert await versions(store, "1") == [4, 3]
    await store.commit([deletion("1", 5)])
    assert await store.purge(Purge(deleted=True, limit=1)) == 1
    assert await versions(store, "1") == [5, 4]
    assert await store.purge(Purge(deleted=True, limit=1)) == 1
    assert await store.purge(Purge(deleted=True, limit=1)) == 1
    assert await store.purge(Purge(deleted=True, limit=1)) == 0
    assert await store.read(PATIENT, ONE) is None


async def test_many_resources_go_as_far_as_the_limit(store: ResourceStore) -> None:
    names = [f"n{number}" for number in range(450)]
    await store.commit([write(name) for name in names])
    await store.commit([deletion(name, 2) for name in names[:300]])
    await store.commit([write(name, 2) for name in names[300:]])
    counts = [await store.purge(Purge(superseded=True, deleted=True, limit=401)) for _ in range(3)]
    assert counts == [401, 349, 0]
    left = await history(store, HistoryQuery())
    assert sorted(one.logical_id for one in left) == sorted(names[300:])
    assert {one.version_id for one in left} == {2}


async def test_references_to_what_is_gone_find_it_when_it_comes_back(store: ResourceStore) -> None:
    await store.commit([write("1")])
    await store.commit([write("o", values=links("Patient/1"), resource_type="Observation")])
    await store.commit([deletion("1", 2)])
    await store.purge(ALL)
    by_patient = query(
        ReferenceMatch(parameter="subject", values=(ReferenceTerm("Patient", "1", ""),)),
        "Observation",
    )
    assert await ids(store, by_patient) == ["o"]
    await store.commit([write("1", values=CODE)])
    assert await ids(store, by_patient) == ["o"]
    assert await ids(store, BY_CODE) == ["1"]


async def test_who_follows_changes_misses_nothing_afterwards(store: ResourceStore) -> None:
    await store.commit([write("1")])
    await store.commit([deletion("1", 2)])
    async with asyncio.timeout(20):
        changes = store.changes()
        token = (await anext(changes)).token
        await changes.aclose()  # type: ignore[attr-defined] # a generator
        await store.purge(ALL)
        await store.commit([write("2")])
        seen: list[str] = []
        async for batch in store.changes(after=token):
            seen += [one.logical_id for one in batch.changes]
            if seen:
                break
    assert seen == ["2"]


async def test_long_bodies_in_pieces_go_too(store: ResourceStore) -> None:
    long = b'{"resourceType":"Patient","id":"1","x":"' + b"y" * 5_000_000 + b'"}'
    await store.commit([write("1", content=long)])
    await store.commit([write("1", 2, content=long)])
    assert await store.purge(ALL) == 1
    read = await store.read(PATIENT, ONE)
    assert read is not None
    assert read.body == long


async def test_writers_beside_it_lose_nothing_that_is_current(store: ResourceStore) -> None:
    names = [f"n{number}" for number in range(6)]
    await store.commit([write(name, values=CODE) for name in names])
    writing = True

    async def keep_writing(name: str) -> int:
        number = 1
        for _ in range(25):
            current = await store.read(PATIENT, LogicalId(name))
            number = 1 if current is None else current.version_id + 1
            is_deletion = number % 5 == 0 and current is not None and not current.is_deleted
            made = deletion(name, number) if is_deletion else write(name, number, values=CODE)
            try:
                await store.commit([made])
            except StaleWrite:
                continue
            read = await store.read(PATIENT, LogicalId(name))
            if not is_deletion:
                assert read is not None
                assert read.version_id == number
        return number

    async def keep_purging() -> None:
        while writing:
            await store.purge(ALL)
            await asyncio.sleep(0)

    purging = asyncio.create_task(keep_purging())
    await asyncio.gather(*(keep_writing(name) for name in names))
    writing = False
    await purging
    await store.commit([write("last", values=IndexValues())])
    await store.purge(ALL)
    for name in names:
        current = await store.read(PATIENT, LogicalId(name))
        if current is not None:
            assert not current.is_deleted
            assert await history_of(store, name) == [current]
    assert {one.logical_id for one in await history(store, HistoryQuery())} <= {*names, "last"}
