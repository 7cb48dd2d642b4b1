"""Races that no test over HTTP can time: another writer commits between reading and writing."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest

from fhir_server.app import knowledge_builder, make_services
from fhir_server.interaction import Change, KnowledgeBase
from fhir_server.interaction.write import Raced, change_until_done, commit_changes, instant, stamp
from fhir_server.model import Conflict, VersionMismatch
from fhir_server.search import NOTHING, SearchQuery
from fhir_server.storage import AlreadyExists, StaleWrite
from fhir_server.storage.sqlite import open_sqlite
from tests.support.client import SETTINGS, registry

PATIENT = {"resourceType": "Patient", "id": "a"}


class RacingStore:
    """A real store whose first commits are beaten by ``rival``, a coroutine function."""

    def __init__(self, store, rival, times) -> None:
        self._store = store
        self._rival = rival
        self._times = times

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def commit(self, writes):
        if self._times > 0:
            self._times -= 1
            await self._rival(self._store)
        await self._store.commit(writes)


@cache
def knowledge():
    return KnowledgeBase(registry(), knowledge_builder(SETTINGS))


def put(**more):
    return Change(method="PUT", resource_type="Patient", logical_id="a", resource=PATIENT | more)


async def rival_update(store):
    """Store a version that nobody else would write."""
    services = await make_services(SETTINGS, store, knowledge())
    current = await store.read("Patient", "a")
    number = 0 if current is None else current.version_id
    await commit_changes(services, knowledge().current, [put(multipleBirthInteger=number)])


def run(work, *, rival=rival_update, times=0):
    """Run ``work(services)`` on a store with races."""

    async def main():
        store = await open_sqlite(":memory:")
        try:
            racing = RacingStore(store, rival, times)
            services = await make_services(SETTINGS, racing, knowledge())
            return await work(services)
        finally:
            await store.close()

    return asyncio.run(main())


def test_a_lost_race_is_run_again_on_the_new_version() -> None:
    async def work(services):
        (result,) = await commit_changes(services, knowledge().current, [put(active=True)])
        return result

    result = run(work, times=3)
    assert (result.effect, result.version.version_id) == ("updated", 4)


def test_after_five_lost_races_the_write_is_refused_as_a_conflict() -> None:
    async def work(services):
        await commit_changes(services, knowledge().current, [put(active=True)])

    with pytest.raises(Conflict) as refusal:
        run(work, times=5)
    assert refusal.value.issues[0].rule == "write-contended"


def test_a_demanded_version_is_never_run_again() -> None:
    async def work(services):
        await commit_changes(services, knowledge().current, [put()])
        change = replace(put(active=True), if_match="1")
        await commit_changes(services, knowledge().current, [change])

    with pytest.raises(VersionMismatch):
        run(work, times=2)


def test_content_worked_out_from_an_old_version_is_worked_out_again() -> None:
    async def work(services):
        tried = []

        async def make():
            current = await services.store.read("Patient", "a")
            tried.append(None if current is None else current.version_id)
            based_on = None if current is None else current.version_id
            return replace(put(active=True), based_on=based_on)

        await rival_update(services.store)
        result = await change_until_done(services, make)
        return tried, result.version.version_id

    assert run(work, times=3) == ([1, 2, 3], 4)


def test_content_worked_out_from_a_version_that_is_gone_is_told_apart() -> None:
    async def work(services):
        await rival_update(services.store)
        await commit_changes(services, knowledge().current, [replace(put(), based_on=7)])

    with pytest.raises(Raced):
        run(work)


@pytest.mark.parametrize("problem", [AlreadyExists(0), StaleWrite(0)])
def test_a_store_that_never_gives_way_ends_in_a_conflict(problem) -> None:
    async def refuses(store):
        raise problem

    async def work(services):
        async def make():
            unless = SearchQuery(resource_types=("Patient",), where=NOTHING)
            return replace(put(), unless=unless)

        await change_until_done(services, make)

    with pytest.raises(Conflict):
        run(work, rival=refuses, times=100)


def test_times_never_go_back_within_a_resource() -> None:
    async def work(services):
        times = iter((datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)))
        services = replace(services, clock=lambda: next(times))
        await commit_changes(services, knowledge().current, [put()])
        (result,) = await commit_changes(services, knowledge().current, [put(active=True)])
        return result.version.last_updated

    assert run(work) == datetime(2024, 1, 2, tzinfo=UTC)


def test_a_stamp_comes_in_front_and_leaves_the_posted_resource_as_it_is() -> None:
    posted = {"active": True, "resourceType": "Patient", "meta": {"_versionId": {}, "tag": []}}
    stamped = stamp(posted, "a", 3, datetime(2024, 5, 6, 7, 8, 9, 12_000, tzinfo=UTC))
    assert list(stamped) == ["resourceType", "id", "meta", "active"]
    assert stamped["meta"] == {
        "versionId": "3",
        "lastUpdated": "2024-05-06T07:08:09.012Z",
        "tag": [],
    }
    assert posted["meta"] == {"_versionId": {}, "tag": []}


def test_instants_have_milliseconds_also_where_there_are_none() -> None:
    assert instant(datetime(2024, 5, 6, tzinfo=UTC)) == "2024-05-06T00:00:00.000Z"
