"""Faults that MongoDB answers with, or that lose its answers, seen by clients over HTTP.

MongoDB's own fail points make commands fail; a wire of ours loses replies to what was done; a limit
on the size of files is the full disk. Reference: docs/mongodb.md
"""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from fhir_server.model import LogicalId, ResourceType, TooLarge
from fhir_server.settings import SearchSettings
from tests.contract.test_mongodb_faults import READY, no_sockets_left, ready, started
from tests.support.client import SETTINGS, FhirClient, rules, running
from tests.support.mongo_store import database_url, empty_store
from tests.support.mongod import ReplicaSet
from tests.support.stored import tokens, write
from tests.support.wire import Wire

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
__all__ = ["no_sockets_left"]

FAST = replace(SETTINGS, search=SearchSettings(timeout_s=1))
WRITES = ("insert", "update", "commitTransaction")
EVERYTHING = (*WRITES, "find")
ALWAYS = 1_000_000
FULL_AT_BYTES = 8_000_000
TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What the fail point does to which commands, and what is told of it.

    Attributes:
        commands: Which fail.
        effect: How, in the words of the fail point.
        note: How what readiness says begins.
        rule: What clients are told.
        leaves_reads: Whether everything can still be read.
    """

    commands: tuple[str, ...]
    effect: dict[str, Any]
    note: str = ""
    rule: str = "store-unavailable"
    leaves_reads: bool = False


FAULTS = {
    "disk full": Fault(
        commands=WRITES,
        effect={"errorCode": 14031},
        note="the disk of the database is full",
        rule="store-full",
        leaves_reads=True,
    ),
    "no primary any more": Fault(commands=WRITES, effect={"errorCode": 10107}),
    "interrupted at shutdown": Fault(
        commands=EVERYTHING,
        effect={"errorCode": 11600},
    ),
    "connections closed": Fault(
        commands=EVERYTHING,
        effect={"closeConnection": True},
    ),
    "not replicated in time": Fault(
        commands=WRITES,
        effect={"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
        leaves_reads=True,
    ),
    "not replicated before shutdown": Fault(
        commands=WRITES,
        effect={
            "writeConcernError": {"code": 91, "errmsg": "shutting down"},
            "errorLabels": ["RetryableWriteError"],
        },
    ),
    "rights taken away": Fault(
        commands=EVERYTHING, effect={"errorCode": 13}, note="user or password is wrong"
    ),
    "broken inside": Fault(
        commands=EVERYTHING,
        effect={"errorCode": 8},
    ),
    "slow": Fault(
        commands=EVERYTHING,
        effect={"blockConnection": True, "blockTimeMS": 5_000},
    ),
}


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    folder = tmp_path_factory.mktemp("breakable")
    options = ("--setParameter", "enableTestCommands=1")
    yield from started(lambda: ReplicaSet(folder, options=options))


@pytest.fixture
async def wire(breakable: ReplicaSet) -> AsyncIterator[Wire]:
    async with Wire(int(breakable.member_url(0).split(":")[2].split("/")[0])) as made:
        yield made


@asynccontextmanager
async def behind(wire: Wire, request: pytest.FixtureRequest) -> AsyncIterator[FhirClient]:
    """A server that reaches the database through the wire alone."""
    url = f"mongodb://127.0.0.1:{wire.port}/?directConnection=true"
    name = f"w{abs(hash(request.node.name))}"
    async with running(replace(FAST, store=database_url(url, name))) as client:
        yield client


def basic(logical_id: str, text: str) -> dict[str, Any]:
    identifier = [{"system": "http://a/id", "value": logical_id}]
    return {
        "resourceType": "Basic",
        "id": logical_id,
        "identifier": identifier,
        "code": {"text": text},
    }


def bundle(text: str) -> dict[str, Any]:
    """Two updates as creates, an update of ``u``, and a conditional create."""
    puts = [
        {"resource": basic(name, text), "request": {"method": "PUT", "url": f"Basic/{name}"}}
        for name in ("t1", "t2", "u")
    ]
    content = {name: value for name, value in basic("once", text).items() if name != "id"}
    once = {
        "resource": content,
        "request": {
            "method": "POST",
            "url": "Basic",
            "ifNoneExist": "identifier=http://a/id|once",
        },
    }
    return {"resourceType": "Bundle", "type": "transaction", "entry": [*puts, once]}


async def versions(client: FhirClient, path: str) -> list[str]:
    history = await client.get(f"{path}/_history")
    assert history.status_code == 200, history.text
    return [entry["resource"]["meta"]["versionId"] for entry in history.json()["entry"]]


@contextmanager
def failing(direct: MongoClient[dict[str, Any]], fault: Fault) -> Iterator[None]:
    """Let the commands of the server fail, not those of the test."""
    data = {"failCommands": list(fault.commands), "appName": "fhir-server", **fault.effect}
    direct.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=data)
    try:
        yield
    finally:
        direct.admin.command("configureFailPoint", "failCommand", mode="off")


def check_refused(answer: httpx.Response, rule: str) -> None:
    assert (answer.status_code, rules(answer)) == (503, [rule])
    assert int(answer.headers["Retry-After"]) > 0


async def until_taken(client: FhirClient, body: dict[str, Any]) -> httpx.Response:
    """Send a transaction as `Retry-After` asks: one cut short may hold its locks for a while."""
    for _ in range(TRIES):
        answer = await client.post("", body)
        if answer.status_code != 503:
            break
        check_refused(answer, "store-unavailable")
        await asyncio.sleep(float(answer.headers["Retry-After"]))
    return answer


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_503_while_it_lasts_and_the_same_request_is_safe(
    breakable: ReplicaSet, name: str
) -> None:
    fault = FAULTS[name]
    url = database_url(breakable.url, f"f{abs(hash(name))}")
    async with running(replace(FAST, store=url)) as client:
        assert (await client.put("Basic/u", basic("u", "first"))).status_code == 201
        with MongoClient[dict[str, Any]](breakable.url) as direct, failing(direct, fault):
            requests = [
                client.put("Basic/c", basic("c", "made")),
                client.put("Basic/u", basic("u", "second")),
                client.post("", bundle("third")),
            ]
            *answers, read, health = await asyncio.gather(
                *requests, client.get("Basic/u"), client.http.get(READY)
            )
        for answer in answers:
            check_refused(answer, fault.rule)
        if read.status_code != 200:  # where writes fail, the driver may take reads to be no better
            assert not fault.leaves_reads
            check_refused(read, "store-unavailable")
        assert health.status_code == 503
        assert any(note.startswith(fault.note) for note in health.json()["notes"]), health.text
        await ready(client)
        assert (await client.put("Basic/c", basic("c", "made"))).status_code in {200, 201}
        assert await versions(client, "Basic/c") == ["1"]
        assert (await client.put("Basic/u", basic("u", "second"))).status_code == 200
        for _ in range(2):
            assert (await until_taken(client, bundle("third"))).status_code == 200
        found = await versions(client, "Basic/u")
        assert found == [str(number) for number in range(len(found), 0, -1)]
        assert (await client.get("Basic/u")).json()["code"]["text"] == "third"
        assert await versions(client, "Basic/t1") == ["1"]
        assert (await client.get("Basic?identifier=once")).json()["total"] == 1


async def test_a_lost_reply_is_asked_for_again_by_the_server_itself(
    wire: Wire, request: pytest.FixtureRequest
) -> None:
    async with behind(wire, request) as client:
        wire.lost = {"insert": 1}
        assert (await client.put("Basic/u", basic("u", "first"))).status_code == 201
        wire.lost = {"insert": 1, "update": 1}
        assert (await client.put("Basic/u", basic("u", "second"))).status_code == 200
        wire.lost = {"commitTransaction": 1, "update": 1}
        assert (await client.post("", bundle("third"))).status_code == 200
        assert await versions(client, "Basic/u") == ["3", "2", "1"]
        assert await versions(client, "Basic/t1") == ["1"]
        assert (await client.get("Basic?identifier=once")).json()["total"] == 1


async def test_what_was_stored_without_an_answer_is_not_stored_again(
    wire: Wire, request: pytest.FixtureRequest
) -> None:
    async with behind(wire, request) as client:
        assert (await client.put("Basic/v", basic("v", "first"))).status_code == 201
        wire.lost = {"insert": ALWAYS}
        create = ("Basic/u", basic("u", "first"))
        check_refused(await client.put(*create), "store-unavailable")
        wire.lost = {}
        assert (await client.get("Basic/u")).status_code == 200
        assert (await client.put(*create)).status_code == 200
        assert await versions(client, "Basic/u") == ["1"]

        update = ("Basic/u", basic("u", "second"))
        wire.lost = {"insert": ALWAYS}
        check_refused(await client.put(*update), "store-unavailable")
        assert (await client.get("Basic/u")).json()["code"]["text"] == "first"
        assert await versions(client, "Basic/u") == ["1"]
        wire.lost = {"update": ALWAYS}
        check_refused(await client.put(*update), "store-unavailable")
        wire.lost = {}
        assert (await client.get("Basic/u")).json()["code"]["text"] == "second"
        assert (await client.put(*update)).status_code == 200
        assert await versions(client, "Basic/u") == ["2", "1"]

        wire.lost = {"commitTransaction": ALWAYS}
        check_refused(await client.post("", bundle("third")), "store-unavailable")
        wire.lost = {}
        assert (await client.get("Basic?identifier=once")).json()["total"] == 1
        again = await client.post("", bundle("third"))
        assert [entry["response"]["status"][:3] for entry in again.json()["entry"]] == ["200"] * 4
        assert await versions(client, "Basic/u") == ["3", "2", "1"]
        assert (await client.get("Basic?identifier=once")).json()["total"] == 1


async def test_a_database_that_hangs_is_503_and_comes_back(tmp_path: Path) -> None:
    for hanging in started(lambda: ReplicaSet(tmp_path)):
        async with running(replace(FAST, store=hanging.url)) as client:
            assert (await client.put("Basic/u", basic("u", "first"))).status_code == 201
            os.kill(hanging.pid(0), signal.SIGSTOP)
            try:
                *answers, health = await asyncio.gather(
                    client.put("Basic/c", basic("c", "made")),
                    client.put("Basic/u", basic("u", "second")),
                    client.post("", bundle("third")),
                    client.get("Basic/u"),
                    client.get("Basic?code:text=first"),
                    client.http.get(READY),
                )
            finally:
                os.kill(hanging.pid(0), signal.SIGCONT)
            for answer in answers:
                check_refused(answer, "store-unavailable")
            assert health.status_code == 503
            await ready(client)
            assert (await client.put("Basic/c", basic("c", "made"))).status_code in {200, 201}
            assert await versions(client, "Basic/c") == ["1"]
            assert (await client.post("", bundle("third"))).status_code == 200
            found = await versions(client, "Basic/u")
            assert found == [str(number) for number in range(len(found), 0, -1)]


async def test_a_disk_that_takes_no_more_is_503_and_loses_nothing(tmp_path: Path) -> None:
    """A limit on the size of its files ends mongod as a full disk does: in mid-write."""
    for full in started(lambda: ReplicaSet(tmp_path)):
        async with running(replace(FAST, store=full.url)) as client:
            _, hard = resource.prlimit(full.pid(0), resource.RLIMIT_FSIZE)
            resource.prlimit(full.pid(0), resource.RLIMIT_FSIZE, (FULL_AT_BYTES, hard))
            acknowledged = 0
            while True:
                text = os.urandom(100_000).hex()
                answer = await client.put(f"Basic/b{acknowledged}", basic(f"b{acknowledged}", text))
                if answer.status_code != 201:
                    break
                acknowledged += 1
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert acknowledged > 0
            assert (await client.http.get(READY)).status_code == 503
            full.kill(0)
            full.start(0)
            full.primary()
            await ready(client)
            for number in range(acknowledged):
                assert (await client.get(f"Basic/b{number}")).status_code == 200
            again = await client.put(f"Basic/b{acknowledged}", basic(f"b{acknowledged}", text))
            assert again.status_code in {200, 201}
            assert await versions(client, f"Basic/b{acknowledged}") == ["1"]


async def test_what_no_document_can_hold_is_refused_beside_others(mongodb_url: str) -> None:
    """A short body that is found by 20 MB of codes left everybody beside it without an answer."""
    store = await empty_store(mongodb_url)
    codes = tokens(*(("s", f"{number:0100}") for number in range(200_000)))
    async with asyncio.timeout(60):
        refused, *_ = await asyncio.gather(
            store.commit([write("big", values=codes)]),
            *(store.commit([write(f"beside-{number}")]) for number in range(3)),
            return_exceptions=True,
        )
        assert isinstance(refused, TooLarge)
        await store.commit([write("after")])
    assert await store.read(ResourceType("Patient"), LogicalId("big")) is None
    await store.close()
