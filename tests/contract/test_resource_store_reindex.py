"""New index values for what is stored already, and notes about the store as a whole."""

import asyncio

import pytest

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import (
    DateMatch,
    DateTerm,
    DateValue,
    IndexValues,
    ReferenceMatch,
    ReferenceTerm,
    ReferenceValue,
    StringMatch,
    StringValue,
    TokenMatch,
    TokenTerm,
    TokenValue,
)
from fhir_server.storage import HistoryQuery, ResourceStore
from tests.support.stored import deletion, ids, query, write

pytestmark = pytest.mark.anyio

OLD = TokenMatch(parameter="old", values=(TokenTerm("s", "x"),))
NEW = StringMatch(parameter="new", mode="prefix", values=("нов",))
DATED = DateMatch(parameter="date", values=(DateTerm("eq", 0, 10),))
LINKED = ReferenceMatch(parameter="patient", values=(ReferenceTerm("Patient", "p", ""),))
BEFORE = IndexValues(tokens=[TokenValue("old", "s", "x")], dates=[DateValue("date", 1, 2)])
AFTER = IndexValues(
    strings=[StringValue("new", "нове", "Нове")],
    references=[ReferenceValue("patient", "Patient", "p", "")],
)


async def found(store: ResourceStore, where: object) -> list[str]:
    return sorted(await ids(store, query(where)))  # type: ignore[arg-type] # a node


async def test_new_values_replace_the_old_ones_and_make_no_version(store: ResourceStore) -> None:
    first, other = write("1", values=BEFORE), write("2", values=BEFORE)
    await store.commit([first])
    await store.commit([other])
    await store.reindex([(first.version, AFTER)])
    assert await found(store, OLD) == ["2"]
    assert await found(store, DATED) == ["2"]
    assert await found(store, NEW) == ["1"]
    assert await found(store, LINKED) == ["1"]
    assert await store.read(ResourceType("Patient"), LogicalId("1")) == first.version
    assert (await store.history(HistoryQuery())).total == 2
    await store.commit([write("1", 2, values=BEFORE)])
    assert await found(store, OLD) == ["1", "2"]
    assert await found(store, NEW) == []


async def test_what_is_not_current_any_more_is_left_alone(store: ResourceStore) -> None:
    first = write("1", values=BEFORE)
    await store.commit([first])
    await store.commit([write("1", 2, values=BEFORE)])
    gone = write("2", values=BEFORE)
    await store.commit([gone])
    await store.commit([deletion("2", 2)])
    never = write("3", values=BEFORE)
    await store.reindex([(one.version, AFTER) for one in (first, gone, never)])
    await store.reindex([(deletion("2", 2).version, AFTER)])
    assert await found(store, NEW) == []
    assert await found(store, OLD) == ["1"]
    assert await store.read(ResourceType("Patient"), LogicalId("3")) is None


async def test_values_may_go_altogether_and_come_back(store: ResourceStore) -> None:
    made = write("1", values=BEFORE)
    await store.commit([made])
    await store.reindex([(made.version, IndexValues())])
    assert await found(store, OLD) == []
    await store.reindex([(made.version, AFTER), (made.version, BEFORE)][1:])
    assert await found(store, OLD) == ["1"]
    await store.reindex([])


async def test_a_body_in_pieces_stays_whole(store: ResourceStore) -> None:
    long = b'{"resourceType":"Patient","id":"1","x":"' + b"y" * 5_000_000 + b'"}'
    made = write("1", values=BEFORE, content=long)
    await store.commit([made])
    await store.reindex([(made.version, AFTER)])
    read = await store.read(ResourceType("Patient"), LogicalId("1"))
    assert read is not None
    assert read.body == long
    assert await found(store, NEW) == ["1"]


async def test_updates_beside_it_keep_their_own_values(store: ResourceStore) -> None:
    versions = [write(str(n), values=BEFORE) for n in range(20)]
    await store.commit(versions)
    await asyncio.gather(
        *(store.commit([write(str(n), 2, values=BEFORE)]) for n in range(0, 20, 2)),
        store.reindex([(one.version, AFTER) for one in versions]),
    )
    odd, even = {str(n) for n in range(1, 20, 2)}, {str(n) for n in range(0, 20, 2)}
    assert set(await found(store, NEW)) == odd
    assert set(await found(store, OLD)) == even


async def test_notes_are_kept_by_name_and_read_by_prefix(store: ResourceStore) -> None:
    assert await store.notes("") == {}
    await store.note("index/Patient/nick", b"1")
    await store.note("index/Patient/nick", b"2")
    await store.note("index/Group/x%_", b"\0\xff")
    await store.note("other", b"")
    assert await store.notes("index/") == {
        "index/Patient/nick": b"2",
        "index/Group/x%_": b"\0\xff",
    }
    await store.note("index/Patient/nick", None)
    await store.note("never", None)
    assert await store.notes("") == {"index/Group/x%_": b"\0\xff", "other": b""}
