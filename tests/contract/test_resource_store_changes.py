"""The change feed: every commit, of every process, in order, from any place on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from fhir_server.storage import ChangeBatch, ChangesLost, ResourceStore, StoredChange
from tests.support.stored import deletion, write

pytestmark = pytest.mark.anyio

PATIENCE_S = 10


def label(change: StoredChange) -> str:
    return f"{change.resource_type}/{change.logical_id}/{change.version_id}"


async def following(feed: AsyncIterator[ChangeBatch], count: int) -> tuple[list[str], str]:
    """Read until ``count`` changes have come."""
    found: list[str] = []
    token = ""
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < count:
            batch = await anext(feed)
            found += map(label, batch.changes)
            token = batch.token
    return found, token


async def test_commits_are_told_in_their_order(store: ResourceStore) -> None:
    async with aclosing(store.changes()) as feed:  # type: ignore[type-var] # a generator
        first = await anext(feed)
        assert first.changes == ()
        await store.commit([write("1")])
        await store.commit([write("1", 2), write("2")])
        await store.commit([deletion("1", 3)])
        found, _ = await following(feed, 4)
    assert found[0] == "Patient/1/1"
    assert sorted(found[1:3]) == ["Patient/1/2", "Patient/2/1"]
    assert found[3] == "Patient/1/3"


async def test_what_was_committed_before_is_not_told(store: ResourceStore) -> None:
    await store.commit([write("old")])
    async with aclosing(store.changes()) as feed:  # type: ignore[type-var] # a generator
        await anext(feed)
        await store.commit([write("new")])
        assert (await following(feed, 1))[0] == ["Patient/new/1"]


async def test_a_feed_goes_on_where_another_ended(store: ResourceStore) -> None:
    async with aclosing(store.changes()) as feed:  # type: ignore[type-var] # a generator
        await anext(feed)
        await store.commit([write("1")])
        _, token = await following(feed, 1)
    await store.commit([write("2")])
    await store.commit([write("3")])
    async with aclosing(store.changes(after=token)) as feed:  # type: ignore[type-var] # a generator
        assert (await following(feed, 2))[0] == ["Patient/2/1", "Patient/3/1"]


async def test_only_the_wanted_types_are_told_deletions_too(store: ResourceStore) -> None:
    async with aclosing(store.changes(("ValueSet",))) as feed:  # type: ignore[type-var] # a generator
        await anext(feed)
        await store.commit([write("1"), write("v", resource_type="ValueSet")])
        await store.commit([deletion("v", 2, resource_type="ValueSet")])
        await store.commit([write("w", resource_type="ValueSet")])
        found, _ = await following(feed, 3)
    assert found == ["ValueSet/v/1", "ValueSet/v/2", "ValueSet/w/1"]


async def test_many_commits_are_told_each_once(store: ResourceStore) -> None:
    async with aclosing(store.changes()) as feed:  # type: ignore[type-var] # a generator
        await anext(feed)
        names = [f"p{n}" for n in range(1_200)]
        await asyncio.gather(*(store.commit([write(name)]) for name in names))
        found, _ = await following(feed, len(names))
    assert sorted(found) == sorted(f"Patient/{name}/1" for name in names)


@pytest.mark.parametrize("token", ["", "x", "-1", "8" * 40])
async def test_a_token_that_is_none_is_refused(store: ResourceStore, token: str) -> None:
    with pytest.raises(ChangesLost):
        await following(store.changes(after=token), 1)
