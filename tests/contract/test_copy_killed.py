"""``fhir-server store copy`` killed in the middle: started again, it makes the copy whole."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo import MongoClient

from fhir_server.storage import HistoryQuery, ResourceStore, digests
from tests.contract.crash_writer import open_named
from tests.support.mongo_store import database_url
from tests.support.stored import deletion, write

pytestmark = pytest.mark.anyio

RESOURCES = 1_500
GROUP = 500
KILLED_AFTER = 100


async def fill(store: ResourceStore) -> int:
    """Three versions of most resources, the last of some a deletion."""
    for version_id in (1, 2, 3):
        for start in range(0, RESOURCES, GROUP):
            names = range(start, start + GROUP)
            await store.commit(
                [
                    deletion(f"p{n}", 3) if version_id == 3 and n % 10 == 0
                    else write(f"p{n}", version_id)
                    for n in names
                ]
            )  # fmt: skip
    return 3 * RESOURCES


async def count(store: ResourceStore) -> int:
    return (await store.history(HistoryQuery(page_count=0))).total or 0


def stored_at(name: str) -> str:
    """The name of a store as `open_named` takes it."""
    return name.removeprefix("sqlite:///")


@pytest.mark.parametrize("direction", [1, -1], ids=["to mongodb", "to sqlite"])
async def test_a_killed_copy_goes_on_and_is_whole(
    mongodb_url: str, tmp_path: Path, direction: int
) -> None:
    with MongoClient[dict[str, object]](mongodb_url) as client:
        client.drop_database("copied")
    names = (f"sqlite:///{tmp_path / 'copy.sqlite'}", database_url(mongodb_url, "copied"))
    source, target = names[::direction]
    one = await open_named(stored_at(source))
    all_versions = await fill(one)
    held = await digests(one)
    await one.close()
    other = await open_named(stored_at(target))
    command = [sys.executable, "-m", "fhir_server", "store", "copy", "--from", source]
    command += ["--to", target]
    first = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    async with asyncio.timeout(60):
        while await count(other) < KILLED_AFTER:
            pass
    first.kill()
    await first.wait()
    assert KILLED_AFTER <= await count(other) < all_versions
    again = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    told, _ = await again.communicate()
    assert again.returncode == 0, told
    assert await digests(other) == held
    await other.close()
