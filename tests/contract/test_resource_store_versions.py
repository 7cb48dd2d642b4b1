"""Versions: what is read back, in which order it may be written, and what happens to losers.

Spec: https://hl7.org/fhir/R4/http.html#versions
"""

import asyncio
from datetime import UTC, datetime

import pytest

from fhir_server.model import LogicalId, ResourceType, VersionId
from fhir_server.search import (
    IndexValues,
    ReferenceMatch,
    ReferenceTerm,
    ReferenceValue,
    TokenMatch,
    TokenTerm,
    TokenValue,
)
from fhir_server.storage import AlreadyExists, ResourceStore, StaleWrite
from tests.support.stored import deletion, ids, query, write

pytestmark = pytest.mark.anyio

PATIENT = ResourceType("Patient")
ONE = LogicalId("1")
BY_TAX_NUMBER = TokenMatch(parameter="identifier", values=(TokenTerm("tax", "1234567890"),))
TAX_NUMBER = IndexValues(tokens=[TokenValue("identifier", "tax", "1234567890")])


async def test_what_was_never_stored_is_not_there(store: ResourceStore) -> None:
    assert await store.read(PATIENT, ONE) is None
    assert await store.vread(PATIENT, ONE, VersionId(1)) is None
    assert await store.read_many([(PATIENT, ONE)]) == {}


async def test_a_version_is_read_back_to_the_byte(store: ResourceStore) -> None:
    exact = '{"resourceType":"Patient","id":"1","x":1.0300,"y":"Їжак \\u0001 𝒳"}'.encode()
    at = datetime(2031, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    made = write("1", at=at, method="POST", content=exact)
    await store.commit([made])
    assert await store.read(PATIENT, ONE) == made.version
    assert await store.vread(PATIENT, ONE, VersionId(1)) == made.version


async def test_an_update_is_read_and_the_version_before_stays(store: ResourceStore) -> None:
    first, second = write("1"), write("1", 2, method="PATCH")
    await store.commit([first])
    await store.commit([second])
    assert await store.read(PATIENT, ONE) == second.version
    assert await store.vread(PATIENT, ONE, VersionId(1)) == first.version
    assert await store.vread(PATIENT, ONE, VersionId(2)) == second.version
    assert await store.vread(PATIENT, ONE, VersionId(3)) is None
    assert await store.vread(PATIENT, ONE, VersionId(10**30)) is None


async def test_the_same_id_of_two_types_is_two_resources(store: ResourceStore) -> None:
    patient, practitioner = write("1"), write("1", resource_type="Practitioner")
    await store.commit([patient, practitioner])
    assert await store.read(PATIENT, ONE) == patient.version
    assert await store.read(ResourceType("Practitioner"), ONE) == practitioner.version


async def test_ids_differ_by_case(store: ResourceStore) -> None:
    await store.commit([write("a"), write("A")])
    found = await store.read(PATIENT, LogicalId("A"))
    assert found is not None
    assert found.logical_id == "A"


async def test_a_deletion_is_a_version_and_what_was_before_stays_readable(
    store: ResourceStore,
) -> None:
    first, gone = write("1", values=TAX_NUMBER), deletion("1", 2)
    await store.commit([first])
    await store.commit([gone])
    assert await store.read(PATIENT, ONE) == gone.version
    assert gone.version.is_deleted
    assert await store.vread(PATIENT, ONE, VersionId(1)) == first.version
    assert await ids(store, query(BY_TAX_NUMBER)) == []


async def test_what_was_deleted_can_be_brought_back_as_the_next_version(
    store: ResourceStore,
) -> None:
    await store.commit([write("1", values=TAX_NUMBER)])
    await store.commit([deletion("1", 2)])
    back = write("1", 3, values=TAX_NUMBER)
    await store.commit([back])
    assert await store.read(PATIENT, ONE) == back.version
    assert await ids(store, query(BY_TAX_NUMBER)) == ["1"]


async def test_an_update_is_found_by_its_new_values_only(store: ResourceStore) -> None:
    await store.commit([write("1", values=TAX_NUMBER)])
    await store.commit([write("1", 2, IndexValues(tokens=[TokenValue("gender", "s", "male")]))])
    assert await ids(store, query(BY_TAX_NUMBER)) == []
    male = TokenMatch(parameter="gender", values=(TokenTerm("s", "male"),))
    assert await ids(store, query(male)) == ["1"]


@pytest.mark.parametrize("version_id", [2, 3])
async def test_versions_have_no_gaps(store: ResourceStore, version_id: int) -> None:
    with pytest.raises(StaleWrite) as refused:
        await store.commit([write("1", version_id)])
    assert refused.value.index == 0
    assert await store.read(PATIENT, ONE) is None


@pytest.mark.parametrize("version_id", [1, 2, 4])
async def test_a_write_that_builds_on_another_version_is_stale(
    store: ResourceStore, version_id: int
) -> None:
    await store.commit([write("1")])
    second = write("1", 2)
    await store.commit([second])
    with pytest.raises(StaleWrite):
        await store.commit([write("1", version_id)])
    assert await store.read(PATIENT, ONE) == second.version


async def test_a_commit_with_one_stale_write_stores_nothing(store: ResourceStore) -> None:
    await store.commit([write("old")])
    stale = [write("new", values=TAX_NUMBER), write("other"), write("old", 3)]
    with pytest.raises(StaleWrite) as refused:
        await store.commit(stale)
    assert refused.value.index == 2
    assert await store.read(PATIENT, LogicalId("new")) is None
    assert await ids(store, query(BY_TAX_NUMBER)) == []
    await store.commit([write("new"), write("other"), write("old", 2)])


async def test_a_commit_of_nothing_is_fine(store: ResourceStore) -> None:
    await store.commit([])


async def test_read_many_gives_what_is_there_deletions_included(store: ResourceStore) -> None:
    await store.commit([write("1"), write("2"), write("1", resource_type="Group")])
    gone = deletion("2", 2)
    await store.commit([gone])
    keys = [
        (ResourceType(kind), LogicalId(logical_id))
        for kind, logical_id in (("Patient", "1"), ("Patient", "2"), ("Patient", "3"), ("X", "1"))
    ]
    found = await store.read_many(keys)
    assert set(found) == set(keys[:2])
    assert found[keys[1]] == gone.version


async def test_of_racing_updates_one_wins_each_round(store: ResourceStore) -> None:
    await store.commit([write("1")])
    for version_id in (2, 3, 4):
        racing = [write("1", version_id) for _ in range(20)]
        outcomes = await asyncio.gather(
            *(store.commit([one]) for one in racing), return_exceptions=True
        )
        assert sum(outcome is None for outcome in outcomes) == 1
        assert all(outcome is None or isinstance(outcome, StaleWrite) for outcome in outcomes)
    assert await store.vread(PATIENT, ONE, VersionId(5)) is None


async def test_of_racing_creates_of_one_id_one_wins(store: ResourceStore) -> None:
    outcomes = await asyncio.gather(
        *(store.commit([write(f"own-{n}"), write("1")]) for n in range(20)),
        return_exceptions=True,
    )
    winners = [n for n, outcome in enumerate(outcomes) if outcome is None]
    assert len(winners) == 1
    keys = [(PATIENT, LogicalId(f"own-{n}")) for n in range(20)]
    assert set(await store.read_many(keys)) == {keys[winners[0]]}


async def test_a_conditional_create_is_refused_where_something_matches(
    store: ResourceStore,
) -> None:
    await store.commit([write("1", values=TAX_NUMBER)])
    with pytest.raises(AlreadyExists) as refused:
        await store.commit([write("3"), write("2", values=TAX_NUMBER, unless=query(BY_TAX_NUMBER))])
    assert refused.value.index == 1
    assert await store.read(PATIENT, LogicalId("3")) is None


async def test_a_conditional_create_does_not_count_what_is_deleted(store: ResourceStore) -> None:
    await store.commit([write("1", values=TAX_NUMBER)])
    await store.commit([deletion("1", 2)])
    await store.commit([write("2", values=TAX_NUMBER, unless=query(BY_TAX_NUMBER))])
    assert await ids(store, query(BY_TAX_NUMBER)) == ["2"]


async def test_fifty_racing_conditional_creates_make_one(store: ResourceStore) -> None:
    outcomes = await asyncio.gather(
        *(
            store.commit([write(f"{n}", values=TAX_NUMBER, unless=query(BY_TAX_NUMBER))])
            for n in range(50)
        ),
        return_exceptions=True,
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 49
    assert len(await ids(store, query(BY_TAX_NUMBER))) == 1


async def test_a_refused_commit_does_not_spoil_those_beside_it(store: ResourceStore) -> None:
    await store.commit([write("1", values=TAX_NUMBER)])
    outcomes = await asyncio.gather(
        store.commit([write("2")]),
        store.commit([write("1")]),
        store.commit([write("3", values=TAX_NUMBER, unless=query(BY_TAX_NUMBER))]),
        store.commit([write("4"), write("5")]),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [
        type(None), StaleWrite, AlreadyExists, type(None),
    ]  # fmt: skip
    keys = [(PATIENT, LogicalId(logical_id)) for logical_id in "2345"]
    assert [key[1] for key in sorted(await store.read_many(keys))] == ["2", "4", "5"]


async def test_references_may_come_before_what_they_refer_to(store: ResourceStore) -> None:
    link = IndexValues(references=[ReferenceValue("subject", "Patient", "1", "")])
    await store.commit([write("o", values=link, resource_type="Observation")])
    assert await store.read(PATIENT, ONE) is None
    await store.commit([write("1")])
    to_one = ReferenceMatch(parameter="subject", values=(ReferenceTerm("Patient", "1", ""),))
    assert await ids(store, query(to_one, "Observation")) == ["o"]


async def test_a_commit_of_many_resources_is_seen_whole_or_not_at_all(
    store: ResourceStore,
) -> None:
    """Readers look all the time while bundles of 200 are committed."""
    tagged = TokenMatch(parameter="_tag", values=(TokenTerm("s", "bundle"),))
    values = IndexValues(tokens=[TokenValue("_tag", "s", "bundle")])
    seen: set[int | None] = set()

    async def look() -> None:
        while len(seen) < 4:
            page = await store.search(query(tagged, page_count=1, total="accurate"))
            seen.add(page.total)
            await asyncio.sleep(0)

    async def fill() -> None:
        for bundle in range(3):
            await store.commit([write(f"{bundle}-{n}", values=values) for n in range(200)])

    async with asyncio.timeout(30):
        await asyncio.gather(look(), fill())
    assert seen == {0, 200, 400, 600}


async def test_health_says_that_the_store_can_be_used(store: ResourceStore) -> None:
    health = await store.health()
    assert health.is_ready
    assert health.description
