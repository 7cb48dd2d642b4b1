"""Killed at any moment, a store has everything it acknowledged and nothing by halves."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import TokenMatch, TokenTerm
from fhir_server.storage import HistoryQuery, ResourceStore
from tests.contract.crash_writer import BUNDLE_SIZE, COUNTERS, open_named
from tests.support.mongo_store import database_url, empty_store
from tests.support.stored import history, ids, query

pytestmark = pytest.mark.anyio

ROUNDS = 20
ROUNDS_OF_SERVER = int(os.environ.get("FHIR_TEST_KILLS", "5"))


def acknowledged_until_killed(name: str, seconds: float) -> dict[int, int]:
    """Let the writer work that long after its first bundle; return each worker's last bundle."""
    command = [sys.executable, "-m", "tests.contract.crash_writer", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        lines = [first, *process.stdout.read().splitlines(keepends=True)]
    whole = [line for line in lines if line.endswith("\n")]
    assert whole, "the writer ended before it committed anything"
    return {int(worker): int(bundle) for worker, bundle in map(str.split, whole)}


async def bundles(store: ResourceStore, worker: int) -> int:
    """How many bundles of a worker there are; each must be whole, in index and history too."""
    counter = await store.read(ResourceType("Basic"), LogicalId(COUNTERS[worker]))
    count = 0 if counter is None else counter.version_id
    keys = [
        (ResourceType("Patient"), LogicalId(f"{worker}-{bundle}-{n}"))
        for bundle in range(1, count + 2)
        for n in range(BUNDLE_SIZE)
    ]
    assert len(await store.read_many(keys)) == count * BUNDLE_SIZE
    for bundle in {1, count // 2, count, count + 1}:
        tag = TokenMatch(parameter="_tag", values=(TokenTerm("bundle", f"{worker}-{bundle}"),))
        expected = BUNDLE_SIZE if 1 <= bundle <= count else 0
        assert len(await ids(store, query(tag))) == expected
    if counter is not None:
        asked = HistoryQuery(resource_type=ResourceType("Basic"), logical_id=counter.logical_id)
        versions = [version.version_id for version in await history(store, asked)]
        assert versions == list(range(count, 0, -1))
    return count


async def kill_and_look(name: str, rounds: int) -> None:
    chance = random.Random(20240506)  # noqa: S311 # moments, no secrets
    before = 0
    for _ in range(rounds):
        acknowledged = acknowledged_until_killed(name, chance.uniform(0, 0.15))
        store = await open_named(name)
        found = {worker: await bundles(store, worker) for worker in range(len(COUNTERS))}
        await store.close()
        for worker, last in acknowledged.items():
            assert last <= found[worker] <= last + 1
        assert sum(found.values()) > before
        before = sum(found.values())


async def test_kill_9_loses_nothing_acknowledged_and_shows_nothing_by_halves(
    tmp_path: Path,
) -> None:
    await kill_and_look(str(tmp_path / "store.sqlite"), ROUNDS)


async def test_kill_9_of_a_server_on_mongodb_loses_nothing_and_tears_nothing(
    mongodb_url: str,
) -> None:
    await (await empty_store(mongodb_url)).close()
    await kill_and_look(database_url(mongodb_url), ROUNDS_OF_SERVER)
