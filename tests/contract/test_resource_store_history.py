"""History: of an instance, of a type, of everything; newest first, in pages.

Spec: https://hl7.org/fhir/R4/http.html#history
"""

from datetime import datetime, timedelta

import pytest

from fhir_server.model import InvalidRequest, LogicalId, ResourceType
from fhir_server.storage import HistoryQuery, ResourceStore, StoredVersion
from tests.support.stored import AT, deletion, history, write

pytestmark = pytest.mark.anyio

PATIENT = ResourceType("Patient")


def minute(number: int) -> datetime:
    return AT + timedelta(minutes=number)


def labels(versions: list[StoredVersion]) -> list[str]:
    return [f"{one.resource_type}/{one.logical_id}/{one.version_id}" for one in versions]


@pytest.fixture
async def filled(store: ResourceStore) -> ResourceStore:
    for writes in (
        [write("1", at=minute(0)), write("2", at=minute(1))],
        [write("1", resource_type="Group", at=minute(2))],
        [write("1", 2, at=minute(3))],
        [deletion("1", 3, at=minute(4))],
        [write("1", 4, at=minute(5))],
    ):
        await store.commit(writes)
    return store


async def test_an_instance_has_all_its_versions_newest_first(filled: ResourceStore) -> None:
    asked = HistoryQuery(resource_type=PATIENT, logical_id=LogicalId("1"))
    found = await history(filled, asked)
    assert labels(found) == ["Patient/1/4", "Patient/1/3", "Patient/1/2", "Patient/1/1"]
    assert [one.is_deleted for one in found] == [False, True, False, False]
    assert (await filled.history(asked)).total == 4


async def test_a_type_has_the_versions_of_all_its_resources(filled: ResourceStore) -> None:
    asked = HistoryQuery(resource_type=PATIENT)
    assert labels(await history(filled, asked)) == [
        "Patient/1/4", "Patient/1/3", "Patient/1/2", "Patient/2/1", "Patient/1/1",
    ]  # fmt: skip
    assert (await filled.history(asked)).total == 5


async def test_everything_has_the_versions_of_all_types(filled: ResourceStore) -> None:
    assert labels(await history(filled, HistoryQuery())) == [
        "Patient/1/4", "Patient/1/3", "Patient/1/2", "Group/1/1", "Patient/2/1", "Patient/1/1",
    ]  # fmt: skip


@pytest.mark.parametrize("page_count", [1, 2, 4, 5, 6])
@pytest.mark.parametrize(
    "asked",
    [
        HistoryQuery(),
        HistoryQuery(resource_type=PATIENT),
        HistoryQuery(resource_type=PATIENT, logical_id=LogicalId("1")),
    ],
    ids=["everything", "type", "instance"],
)
async def test_pages_give_every_version_once(
    filled: ResourceStore, asked: HistoryQuery, page_count: int
) -> None:
    whole = await history(filled, asked)
    paged = HistoryQuery(
        resource_type=asked.resource_type, logical_id=asked.logical_id, page_count=page_count
    )
    first = await filled.history(paged)
    assert labels(list(first.versions)) == labels(whole)[:page_count]
    assert (first.next is None) == (len(whole) <= page_count)
    assert labels(await history(filled, paged)) == labels(whole)


async def test_versions_of_one_instant_are_paged_without_loss(store: ResourceStore) -> None:
    await store.commit([write(f"{n}") for n in range(7)])
    await store.commit([write("0", 2), write("g", resource_type="Group")])
    found = labels(await history(store, HistoryQuery(page_count=2)))
    assert len(found) == len(set(found)) == 9


async def test_new_versions_do_not_disturb_the_pages(filled: ResourceStore) -> None:
    whole = labels(await history(filled, HistoryQuery(resource_type=PATIENT)))
    first = await filled.history(HistoryQuery(resource_type=PATIENT, page_count=2))
    await filled.commit([write("2", 2, at=minute(9)), write("3", at=minute(9))])
    rest = await history(
        filled, HistoryQuery(resource_type=PATIENT, page_count=2, after=first.next)
    )
    assert labels(list(first.versions)) + labels(rest) == whole


async def test_since_gives_versions_at_or_after_an_instant(filled: ResourceStore) -> None:
    asked = HistoryQuery(resource_type=PATIENT, since=minute(3))
    assert labels(await history(filled, asked)) == ["Patient/1/4", "Patient/1/3", "Patient/1/2"]
    later = HistoryQuery(since=minute(5) + timedelta(milliseconds=1))
    assert await history(filled, later) == []
    assert (await filled.history(later)).total == 0


async def test_at_gives_what_was_current_within_the_interval(filled: ResourceStore) -> None:
    within = (minute(2) + timedelta(seconds=30), minute(3) + timedelta(seconds=30))
    asked = HistoryQuery(resource_type=PATIENT, at=within)
    assert labels(await history(filled, asked)) == ["Patient/1/2", "Patient/2/1", "Patient/1/1"]
    one = HistoryQuery(resource_type=PATIENT, logical_id=LogicalId("1"), at=within, page_count=1)
    assert labels(await history(filled, one)) == ["Patient/1/2", "Patient/1/1"]


async def test_at_leaves_out_what_was_replaced_at_its_start(filled: ResourceStore) -> None:
    asked = HistoryQuery(resource_type=PATIENT, at=(minute(3), minute(4)))
    assert labels(await history(filled, asked)) == ["Patient/1/2", "Patient/2/1"]


async def test_nothing_is_the_history_of_what_never_was(filled: ResourceStore) -> None:
    for asked in (
        HistoryQuery(resource_type=PATIENT, logical_id=LogicalId("9")),
        HistoryQuery(resource_type=ResourceType("Device")),
    ):
        page = await filled.history(asked)
        assert (page.versions, page.next, page.total) == ((), None, 0)


async def test_a_page_of_nothing_gives_the_total(filled: ResourceStore) -> None:
    page = await filled.history(HistoryQuery(page_count=0))
    assert (page.versions, page.next, page.total) == ((), None, 6)


@pytest.mark.parametrize("after", ["", "x", "1.2.3", "-1", "٣", "9" * 40])
async def test_a_place_that_is_no_place_is_refused(filled: ResourceStore, after: str) -> None:
    for asked in (
        HistoryQuery(resource_type=PATIENT, logical_id=LogicalId("1"), after=after),
        HistoryQuery(resource_type=PATIENT, after=after),
    ):
        with pytest.raises(InvalidRequest):
            await filled.history(asked)
