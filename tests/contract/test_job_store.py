"""What every job store promises."""

from datetime import UTC, datetime, timedelta

import pytest

from fhir_server.storage import Job, JobEnd, ResourceStore

pytestmark = pytest.mark.anyio

NOW = datetime(2024, 5, 6, 7, 8, 9, 123_000, tzinfo=UTC)
HOUR = timedelta(hours=1)


def job(job_id: str = "a" * 32) -> Job:
    return Job(
        job_id=job_id,
        kind="export",
        state="running",
        owner="one",
        request="GET http://fhir.test/fhir/$export",
        language="uk",
        created=NOW,
        touched=NOW,
    )


def end(result: bytes = b'{"a": 1}', expires: datetime = NOW + HOUR) -> JobEnd:
    return JobEnd(state="done", status=200, result=result, expires=expires)


async def test_a_job_is_read_as_it_was_added(store: ResourceStore) -> None:
    await store.jobs.add(job())
    assert await store.jobs.read("a" * 32) == job()
    assert await store.jobs.read("b" * 32) is None
    assert await store.jobs.result("a" * 32) is None


async def test_a_job_ends_once_and_keeps_its_result(store: ResourceStore) -> None:
    await store.jobs.add(job())
    assert await store.jobs.finish("a" * 32, end())
    assert not await store.jobs.finish("a" * 32, end(b"other"))
    found = await store.jobs.read("a" * 32)
    assert found is not None
    assert (found.state, found.status, found.expires) == ("done", 200, NOW + HOUR)
    assert await store.jobs.result("a" * 32) == b'{"a": 1}'


async def test_a_result_may_be_longer_than_a_document(store: ResourceStore) -> None:
    result = b"0123456789" * 1_800_000
    await store.jobs.add(job())
    await store.jobs.finish("a" * 32, end(result))
    assert await store.jobs.result("a" * 32) == result


async def test_who_touches_jobs_learns_which_are_wanted_still(store: ResourceStore) -> None:
    for name in "abc":
        await store.jobs.add(job(name * 32))
    assert await store.jobs.remove("b" * 32)
    await store.jobs.finish("c" * 32, end())
    progress = {name * 32: f"{name} of 3" for name in "abc"}
    assert set(await store.jobs.touch(progress, NOW + HOUR)) == {"a" * 32}
    found = await store.jobs.read("a" * 32)
    assert found is not None
    assert (found.progress, found.touched) == ("a of 3", NOW + HOUR)


async def test_a_removed_job_is_gone_with_its_result(store: ResourceStore) -> None:
    await store.jobs.add(job())
    await store.jobs.finish("a" * 32, end())
    assert await store.jobs.remove("a" * 32)
    assert not await store.jobs.remove("a" * 32)
    assert await store.jobs.read("a" * 32) is None
    assert await store.jobs.result("a" * 32) is None


async def test_jobs_past_their_time_and_silent_ones_are_told(store: ResourceStore) -> None:
    for name in "abcd":
        await store.jobs.add(job(name * 32))
    await store.jobs.finish("a" * 32, end(expires=NOW + HOUR))
    await store.jobs.finish("b" * 32, end(expires=NOW + 3 * HOUR))
    await store.jobs.touch({"c" * 32: ""}, NOW + 2 * HOUR)
    found = await store.jobs.expired(NOW + 2 * HOUR, NOW + HOUR)
    assert set(found) == {"a" * 32, "d" * 32}
