"""Faults of MongoDB: what clients are told, that it recovers by itself, that nothing is lost.

Reference: docs/mongodb.md
"""

import asyncio
import gc
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.model import LogicalId, NotSupported, ResourceType, Unavailable
from fhir_server.settings import SearchSettings
from fhir_server.storage import AlreadyExists, ResourceStore, StaleWrite
from fhir_server.storage.mongodb import open_mongodb
from fhir_server.storage.mongodb.door import ServerProblem, check_version
from tests.contract.crash_writer import BUNDLE_SIZE, COUNTERS, tagged
from tests.contract.test_crash import bundles
from tests.support.client import SETTINGS, FhirClient, rules, running
from tests.support.mongo_store import database_url
from tests.support.mongod import NoMongod, ReplicaSet, Standalone
from tests.support.ports import free_port
from tests.support.stored import deletion, history_of, ids, query, token, tokens, write

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
"""PyMongo forgets the socket of a connect that is under way when its client is closed."""

PATIENT = ResourceType("Patient")
READY = "http://fhir.test/healthz/ready"
TIMEOUT_MS = 2_000
ROUNDS_OF_DATABASE = int(os.environ.get("FHIR_TEST_KILLS", "5"))
FAST = replace(SETTINGS, search=SearchSettings(timeout_s=TIMEOUT_MS / 1000))


@pytest.fixture(autouse=True)
def no_sockets_left() -> Iterator[None]:
    """Let PyMongo's forgotten sockets go here, not in whatever test comes next."""
    yield
    gc.collect()


def started(servers: Callable[[], ReplicaSet]) -> Iterator[ReplicaSet]:
    try:
        made = servers()
    except NoMongod as missing:
        pytest.skip(str(missing))
    with made as running_servers:
        yield running_servers


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    yield from started(lambda: Standalone(tmp_path_factory.mktemp("standalone")))


@pytest.fixture
def single(tmp_path: Path) -> Iterator[ReplicaSet]:
    yield from started(lambda: ReplicaSet(tmp_path))


@pytest.fixture
def three(tmp_path: Path) -> Iterator[ReplicaSet]:
    yield from started(lambda: ReplicaSet(tmp_path, 3))


@pytest.fixture
async def store(
    standalone: ReplicaSet, request: pytest.FixtureRequest
) -> AsyncIterator[ResourceStore]:
    opened = await open_mongodb(database_url(standalone.url, f"t{abs(hash(request.node.name))}"))
    yield opened
    await opened.close()


async def test_a_standalone_server_takes_single_changes(store: ResourceStore) -> None:
    await asyncio.gather(*(store.commit([write(f"{n}")]) for n in range(5)))
    second = write("1", 2, values=tokens(("s", "a")))
    await store.commit([second])
    await store.commit([deletion("2", 2)])
    assert await store.read(PATIENT, LogicalId("1")) == second.version
    assert await ids(store, query(token(("s", "a")))) == ["1"]
    assert [v.version_id for v in await history_of(store, "1")] == [2, 1]
    racing = [write("1", 3) for _ in range(9)]
    outcomes = await asyncio.gather(*(store.commit([w]) for w in racing), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, StaleWrite) for outcome in outcomes) == 8


async def test_a_standalone_server_makes_one_of_racing_conditional_creates(
    store: ResourceStore,
) -> None:
    unless = query(token(("s", "a")))
    racing = [write(f"{n}", values=tokens(("s", "a")), unless=unless) for n in range(20)]
    outcomes = await asyncio.gather(*(store.commit([w]) for w in racing), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 19


async def test_a_standalone_server_refuses_several_changes_together(store: ResourceStore) -> None:
    with pytest.raises(NotSupported) as refused:
        await store.commit([write("1"), write("2")])
    assert refused.value.issues[0].rule == "store-without-transactions"
    assert await store.read(PATIENT, LogicalId("1")) is None
    assert any("replica set" in note for note in (await store.health()).notes)
    with pytest.raises(NotSupported) as refused:
        store.changes()
    assert refused.value.issues[0].rule == "store-without-changes"


async def test_a_transaction_bundle_on_a_standalone_server_is_refused_plainly(
    standalone: ReplicaSet,
) -> None:
    entries = [
        {"resource": {"resourceType": "Basic", "code": {"text": text}},
         "request": {"method": "POST", "url": "Basic"}}
        for text in ("one", "two")
    ]  # fmt: skip
    async with running(replace(FAST, store=database_url(standalone.url, "http"))) as client:
        sent = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        refused = await client.post("", sent)
        assert refused.status_code == 501
        assert rules(refused) == ["store-without-transactions"]
        assert (await client.get("Basic")).json()["total"] == 0
        assert (await client.post("", {**sent, "type": "batch"})).status_code == 200
        assert (await client.get("Basic")).json()["total"] == 2
        assert (await client.http.get(READY)).status_code == 200


async def refused_with_503(client: FhirClient) -> None:
    for answer in (
        await client.get("Basic/1"),
        await client.get("Basic?code=x"),
        await client.put("Basic/1", {"resourceType": "Basic", "id": "1", "code": {"text": "y"}}),
    ):
        assert answer.status_code == 503
        assert rules(answer) == ["store-unavailable"]
        assert int(answer.headers["Retry-After"]) > 0
    assert (await client.http.get(READY)).status_code == 503


async def ready(client: FhirClient, seconds: float = 30) -> None:
    for _ in range(int(seconds / 0.2)):
        if (await client.http.get(READY)).status_code == 200:
            return
        await asyncio.sleep(0.2)
    raise AssertionError((await client.http.get(READY)).text)


async def test_a_lost_database_is_503_and_comes_back_without_a_restart(single: ReplicaSet) -> None:
    async with running(replace(FAST, store=single.url)) as client:
        made = await client.put(
            "Basic/1", {"resourceType": "Basic", "id": "1", "code": {"text": "x"}}
        )
        assert made.status_code == 201
        single.kill(0)
        await refused_with_503(client)
        single.start(0)
        single.primary()
        await ready(client)
        assert (await client.get("Basic/1")).status_code == 200


async def test_a_database_that_comes_later_is_used_without_a_restart(tmp_path: Path) -> None:
    for late in started(lambda: ReplicaSet(tmp_path)):
        late.kill(0)
        async with running(replace(FAST, store=late.url)) as client:
            await refused_with_503(client)
            assert "no server answers" in (await client.http.get(READY)).text
            late.start(0)
            await ready(client)
            assert (await client.get("Basic")).status_code == 200


async def test_a_missing_index_turns_readiness_red_until_it_is_there(single: ReplicaSet) -> None:
    async with running(replace(FAST, store=single.url)) as client:
        with MongoClient[dict[str, Any]](single.url) as direct:
            direct["fhir"]["resources"].drop_index("creation")
        health = await client.http.get(READY)
        assert health.status_code == 503
        assert "resources.creation" in health.text
        searched = await client.get("Basic")
        assert (searched.status_code, rules(searched)) == (503, ["store-unavailable"])
        await (await open_mongodb(single.url)).close()
        await ready(client)
        assert (await client.get("Basic")).status_code == 200


async def test_nobody_listening_is_told_to_the_operator() -> None:
    with pytest.raises(Unavailable) as refused:
        await open_mongodb(f"mongodb://127.0.0.1:{free_port()}/", timeout_ms=300)
    assert "no server answers" in str(refused.value.__cause__)


async def test_a_wrong_password_is_told_without_showing_it(tmp_path: Path) -> None:
    for server in started(lambda: Standalone(tmp_path, options=("--auth",))):
        host = server.url.removeprefix("mongodb://")
        with MongoClient[dict[str, Any]](server.url) as direct:
            direct["admin"].command("createUser", "me", pwd="right", roles=["root"])  # noqa: S106 # of a server that lives seconds
        with pytest.raises(Unavailable) as refused:
            await open_mongodb(f"mongodb://me:wr0ng@{host}?authSource=admin", timeout_ms=TIMEOUT_MS)
        assert "password is wrong" in str(refused.value.__cause__)
        assert "wr0ng" not in str(refused.value.__cause__)
        good = await open_mongodb(f"mongodb://me:right@{host}?authSource=admin")
        await good.close()


def test_a_server_that_is_too_old_is_refused() -> None:
    check_version([6, 0, 5, 0])
    with pytest.raises(ServerProblem, match=r"MongoDB 5\.0 is too old: 6\.0"):
        check_version([5, 0, 30, 0])


@dataclass(slots=True)
class Ingestion:
    """Clients that send bundle after bundle, and try again where they are not answered."""

    store: ResourceStore
    acknowledged: dict[int, int] = field(default_factory=dict)
    refused: int = 0
    is_over: bool = False

    async def stream(self, worker: int) -> None:
        done = 0
        while not self.is_over:
            bundle = f"{worker}-{done + 1}"
            writes = [write(f"{bundle}-{n}", values=tagged(bundle)) for n in range(BUNDLE_SIZE)]
            writes.append(write(COUNTERS[worker], done + 1, tagged(bundle), resource_type="Basic"))
            try:
                await self.store.commit(writes)
            except Unavailable:
                self.refused += 1
                done = await self.stored(worker)
                assert done - self.acknowledged.get(worker, 0) in {0, 1}
            else:
                done += 1
            self.acknowledged[worker] = done

    async def stored(self, worker: int) -> int:
        while True:
            try:
                found = await self.store.read(ResourceType("Basic"), LogicalId(COUNTERS[worker]))
            except Unavailable:
                await asyncio.sleep(0.1)
            else:
                return 0 if found is None else found.version_id


async def ingest(
    servers: ReplicaSet, disturb: Callable[[int], None], rounds: int
) -> dict[int, int]:
    """Send bundles while ``disturb`` is called; check that they are there, whole."""
    store = await open_mongodb(servers.url, timeout_ms=TIMEOUT_MS)
    work = Ingestion(store)
    tasks = [asyncio.create_task(work.stream(worker)) for worker in range(len(COUNTERS))]
    chance = random.Random(7)  # noqa: S311 # moments, no secrets
    for number in range(rounds):
        before = sum(work.acknowledged.values())
        await asyncio.sleep(chance.uniform(0.2, 0.8))
        await asyncio.to_thread(disturb, number)
        deadline = asyncio.get_running_loop().time() + 60
        while sum(work.acknowledged.values()) <= before + len(COUNTERS):
            assert asyncio.get_running_loop().time() < deadline, "no bundle gets through any more"
            await asyncio.sleep(0.05)
    work.is_over = True
    await asyncio.gather(*tasks)
    found = {worker: await bundles(store, worker) for worker in range(len(COUNTERS))}
    await store.close()
    assert found == work.acknowledged
    return found


async def test_kill_9_of_the_database_loses_nothing_and_tears_nothing(single: ReplicaSet) -> None:
    def disturb(_: int) -> None:
        single.kill(0)
        single.start(0)
        single.primary()

    assert sum((await ingest(single, disturb, ROUNDS_OF_DATABASE)).values()) > 0


async def test_a_replica_set_loses_nothing_when_its_primary_goes(three: ReplicaSet) -> None:
    """The primary steps down, is killed, and comes back as a secondary, during writes."""

    def disturb(number: int) -> None:
        primary = three.primary()
        if number == 0:
            with MongoClient[dict[str, Any]](three.member_url(primary)) as direct:
                direct.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=4)
        else:
            three.kill(primary)
            three.primary()
            three.start(primary)

    assert sum((await ingest(three, disturb, 2)).values()) > 0
