"""Faults of the database, and limits: what is refused, how, and that it works again afterwards."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fhir_server.model import FhirError, LogicalId, ResourceType, TooCostly, Unavailable
from fhir_server.search import (
    And,
    IndexValues,
    Not,
    PagePosition,
    StringMatch,
    StringValue,
    TokenValue,
)
from fhir_server.storage import ResourceStore
from fhir_server.storage.sqlite import open_sqlite
from fhir_server.storage.sqlite.connection import refusal
from tests.support.stored import fill, ids, query, token, tokens, write

pytestmark = pytest.mark.anyio


def rules(error: FhirError) -> list[str]:
    return [found.rule for found in error.issues]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ResourceStore]:
    opened = await open_sqlite(tmp_path / "store.sqlite", lock_timeout_s=0.05)
    yield opened
    await opened.close()


async def test_a_commit_waits_for_another_process_and_gives_up_at_the_limit(
    store: ResourceStore, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as refused:
        await store.commit([write("1")])
    assert rules(refused.value) == ["store-busy"]
    assert refused.value.headers["Retry-After"] == "1"
    later = asyncio.create_task(store.commit([write("1")]))
    await asyncio.sleep(0.01)
    other.execute("ROLLBACK")
    await later
    other.close()
    assert await ids(store, query(And(parts=()))) == ["1"]


async def test_a_full_disk_stores_nothing_and_is_told(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "store.sqlite")
    await store.commit([write("1")])
    writer: sqlite3.Connection = store._writer  # type: ignore[attr-defined] # nothing else can fill a disk here
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(Unavailable) as refused:
        await store.commit([write("2", content=b"x" * 100_000), write("3")])
    assert rules(refused.value) == ["store-full"]
    assert await ids(store, query(And(parts=()))) == ["1"]
    writer.execute("PRAGMA max_page_count = 1000000")
    await store.commit([write("2")])
    assert sorted(await ids(store, query(And(parts=())))) == ["1", "2"]
    await store.close()


@pytest.mark.parametrize("content", [b"no database, but longer than its header" * 9, None])
async def test_another_programs_file_is_left_alone(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "other"
    if content is None:
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE theirs (x)")
        other.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(Unavailable) as refused:
        await open_sqlite(path)
    assert rules(refused.value) == ["store-foreign"]
    assert path.read_bytes() == before


async def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    await (await open_sqlite(path)).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 999")
    newer.close()
    with pytest.raises(Unavailable) as refused:
        await open_sqlite(path)
    assert rules(refused.value) == ["store-foreign"]


async def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        await open_sqlite(tmp_path)
    assert rules(refused.value) == ["store-failed"]


async def test_a_file_is_made_with_its_folder_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "стор?е#1%20.sqlite"
    first = await open_sqlite(path)
    await first.commit([write("1")])
    await first.close()
    assert path.exists()
    second = await open_sqlite(path)
    assert await second.read(ResourceType("Patient"), LogicalId("1")) == write("1").version
    await second.close()


async def test_a_closed_store_refuses_everything_and_says_so(store: ResourceStore) -> None:
    await store.close()
    await store.close()
    for call in (
        store.read(ResourceType("Patient"), LogicalId("1")),
        store.commit([write("1")]),
        store.search(query(And(parts=()))),
    ):
        with pytest.raises(Unavailable) as refused:
            await call
        assert rules(refused.value) == ["store-closed"]
    health = await store.health()
    assert not health.is_ready
    assert health.notes == ("closed",)


async def test_closing_waits_for_what_is_under_way(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "store.sqlite")
    commits = [asyncio.create_task(store.commit([write(f"{n}")])) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*commits)
    again = await open_sqlite(tmp_path / "store.sqlite")
    assert len(await ids(again, query(And(parts=())))) == 50
    await again.close()


@pytest.mark.parametrize("path", [":memory:", "store.sqlite"])
async def test_a_search_that_takes_too_long_is_stopped_and_others_go_on(
    path: str, tmp_path: Path
) -> None:
    where = path if path == ":memory:" else tmp_path / path
    store = await open_sqlite(where, search_timeout_s=0)
    await fill(store, **{f"p{n}": IndexValues(
        strings=[StringValue("name", f"text {n}", f"Text {n}")],
        tokens=[TokenValue("code", "s", "a")],
    ) for n in range(3000)})  # fmt: skip
    absent = tuple(f"absent {n}" for n in range(30))
    contains = StringMatch(parameter="name", mode="contains", values=absent)
    slow = And(parts=(Not(part=Not(part=contains)), token(("s", "a"))))
    searches = [store.search(query(slow)) for _ in range(4)]
    quick = store.search(query(token(("s", "a")), page_count=1))
    *stopped, page = await asyncio.gather(*searches, quick, return_exceptions=True)
    assert all(isinstance(error, TooCostly) for error in stopped)
    assert isinstance(stopped[0], TooCostly)
    assert rules(stopped[0]) == ["search-too-slow"]
    assert not isinstance(page, BaseException)
    await store.commit([write("after")])
    await store.close()


async def test_a_long_search_leaves_the_event_loop_to_others(store: ResourceStore) -> None:
    """It takes tens of milliseconds; the loop is never held for much longer than one."""
    await fill(store, **{f"p{n}": IndexValues(
        strings=[StringValue("name", f"text {n}", f"Text {n}")],
    ) for n in range(3000)})  # fmt: skip
    absent = tuple(f"absent {n}" for n in range(50))
    contains = StringMatch(parameter="name", mode="contains", values=absent)
    search = asyncio.create_task(store.search(query(Not(part=Not(part=contains)))))
    turns = 0
    while not search.done():
        await asyncio.sleep(0)
        turns += 1
    assert (await search).matches == ()
    assert turns > 2


async def test_a_commit_that_cannot_be_stored_does_not_spoil_its_batch(
    store: ResourceStore,
) -> None:
    """A lone surrogate is no text: its commit fails, the others of the batch are done."""
    broken = [write("broken", values=tokens(("s", "\ud800"))), write("beside it")]
    outcomes = await asyncio.gather(
        store.commit([write("1", values=tokens(("new system", "a")))]),
        store.commit(broken),
        store.commit([write("2", values=tokens(("other system", "a")))]),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), UnicodeEncodeError, type(None)]
    assert sorted(await ids(store, query(And(parts=())))) == ["1", "2"]
    assert await ids(store, query(token(("new system", "a")))) == ["1"]
    assert await ids(store, query(token(("other system", "a")))) == ["2"]


async def test_a_position_of_another_range_is_refused(store: ResourceStore) -> None:
    await fill(store, a=tokens(("s", "a")))
    place = PagePosition(
        keys=(0, 5), resource_type=ResourceType("Patient"), logical_id=LogicalId("a")
    )
    with pytest.raises(FhirError) as refused:
        await store.search(query(token(("s", "a")), after=place))
    assert rules(refused.value) == ["search-position"]


def test_a_mistake_in_a_statement_is_no_refusal() -> None:
    with pytest.raises(sqlite3.OperationalError) as mistake:
        sqlite3.connect(":memory:").execute("SELECT nothing FROM nowhere")
    assert refusal(mistake.value) is None
