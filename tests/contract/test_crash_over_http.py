"""``serve`` or mongod killed while clients send transactions: nothing is lost, nothing torn.

``python -m benchmarks crash`` does the same fifty times.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.test_mongodb_faults import started
from tests.support.ingestion import Ingestion
from tests.support.mongod import ReplicaSet
from tests.support.serving import Serving

pytestmark = pytest.mark.anyio

ROUNDS = 3


async def ingested(server: Serving, disturb: Callable[[], None]) -> Ingestion:
    work = Ingestion(server.base_url)
    await work.run(disturb, ROUNDS)
    assert (work.lost, work.torn, work.wrong) == ([], [], [])
    assert min(work.acknowledged.values()) >= ROUNDS
    return work


async def test_kill_9_of_the_server_loses_nothing_and_tears_nothing(shared: str) -> None:
    with Serving(shared) as server:

        def disturb() -> None:
            server.kill()
            server.start()

        assert (await ingested(server, disturb)).unanswered > 0


async def test_kill_9_of_the_database_loses_nothing_and_tears_nothing(tmp_path: Path) -> None:
    for servers in started(lambda: ReplicaSet(tmp_path)):

        def disturb(database: ReplicaSet = servers) -> None:
            database.kill(0)
            database.start(0)
            database.primary()

        with Serving(servers.url) as server:
            await ingested(server, disturb)
