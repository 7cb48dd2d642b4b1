"""``fhir-server store``: indexes, plans, sharding and copies between all backends."""

import asyncio
import gc
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pymongo import MongoClient

from fhir_server.cli import main
from fhir_server.search import IndexValues, StringMatch
from fhir_server.storage import ResourceStore, StoredVersion, copy_store, digests
from fhir_server.storage.mongodb import open_mongodb
from fhir_server.storage.sqlite import open_sqlite
from tests.support.mongo_store import database_url
from tests.support.stored import deletion, query, write

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["store", *arguments])


def dropped(url: str, name: str) -> str:
    """A database that is not there."""
    with MongoClient[dict[str, object]](url) as client:
        client.drop_database(name)
    return database_url(url, name)


async def fill(store: ResourceStore) -> None:
    for version_id in (1, 2, 3):
        for start in range(0, 40, 20):
            names = [f"p{n}" for n in range(start, start + 20)]
            await store.commit([write(name, version_id) for name in names])
    await store.commit([deletion("p1", 4), write("o", resource_type="Organization")])
    await store.commit([write("p1", 5)])
    await store.commit([deletion("p2", 4)])


async def stored(name: str) -> ResourceStore:
    if name.startswith("mongodb"):
        return await open_mongodb(name)
    return await open_sqlite(name.removeprefix("sqlite:///"))


def names(url: str, folder: Path) -> tuple[str, str]:
    return f"sqlite:///{folder / 'copy.sqlite'}", dropped(url, "copy")


@pytest.mark.parametrize("direction", [1, -1], ids=["to mongodb", "to sqlite"])
async def test_a_copy_has_every_version_and_is_verified(
    mongodb_url: str, tmp_path: Path, direction: int
) -> None:
    source, target = names(mongodb_url, tmp_path)[::direction]
    store = await stored(source)
    await fill(store)
    held = await digests(store)
    await store.close()
    arguments = ("copy", "--from", source, "--to", target, "--json")
    result = await asyncio.to_thread(command, *arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["written"], told["equal"]) == (124, True)
    assert told["types"]["Patient"]["versions"] == 123
    copy = await stored(target)
    assert await digests(copy) == held
    await copy.close()
    again = await asyncio.to_thread(command, *arguments)
    assert json.loads(again.stdout)["written"] == 0
    store = await stored(source)
    await store.commit([write("later"), write("p0", 4)])
    await store.close()
    differs = await asyncio.to_thread(command, *arguments, "--verify-only")
    assert (differs.exit_code, json.loads(differs.stdout)["equal"]) == (1, False)
    more = await asyncio.to_thread(command, *arguments)
    assert (more.exit_code, json.loads(more.stdout)["written"]) == (0, 2)


async def test_an_interrupted_copy_goes_on(mongodb_url: str, tmp_path: Path) -> None:
    source, target = names(mongodb_url, tmp_path)
    one, other = await stored(source), await stored(target)
    await fill(one)
    seen = 0

    def extract(_: StoredVersion) -> IndexValues:
        nonlocal seen
        seen += 1
        if seen == 20:
            raise InterruptedError
        return IndexValues()

    with pytest.raises(InterruptedError):
        await copy_store(one, other, extract)
    await copy_store(one, other, extract)
    assert await digests(one) == await digests(other)
    await one.close()
    await other.close()


def test_the_indexes_are_checked_and_made(mongodb_url: str) -> None:
    url = dropped(mongodb_url, "indexes")
    checked = command("create-indexes", "--check", "--store", url)
    assert checked.exit_code == 1
    assert "resources.tokens is missing" in checked.output
    assert command("create-indexes", "--store", url).exit_code == 0
    checked = command("create-indexes", "--check", "--store", url, "--json")
    assert (checked.exit_code, json.loads(checked.stdout)["ready"]) == (0, True)


@pytest.mark.parametrize(
    ("search", "index"),
    [
        ("Patient?family=Ш", "strings"),
        ("Patient?identifier=x|1", "tokens"),
        ("Observation?date=2024", "dates"),
        ("Patient/1/Observation?code=s|x", "tokens"),
        ("http://127.0.0.1:8080/fhir/Patient", "creation"),
    ],
)
def test_a_search_is_explained(mongodb_url: str, search: str, index: str) -> None:
    url = database_url(mongodb_url, "indexes")
    command("create-indexes", "--store", url)
    result = command("explain", search, "--store", url)
    assert result.exit_code == 0, result.output
    assert index in result.stdout
    steps = json.loads(command("explain", search, "--store", url, "--json").stdout)["steps"]
    assert all(step["indexes"] and step["keys"] is not None for step in steps)


def test_a_search_on_sqlite_is_explained(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'a.sqlite'}"
    assert command("explain", "Patient?family=a", "--store", store).exit_code == 0


def test_a_url_that_is_no_search_is_refused(tmp_path: Path) -> None:
    result = command("explain", "Patient?nothing=a", "--store", f"sqlite:///{tmp_path / 'a'}")
    assert result.exit_code == 2
    assert "nothing" in result.output


def test_the_shard_plan_names_every_collection() -> None:
    plan = command("shard-plan", "--store", "mongodb://db.example.org/esoz", "--zone", "west")
    assert plan.exit_code == 0
    lines: Sequence[str] = plan.stdout.splitlines()
    assert 'sh.shardCollection("esoz.resources", { _id: "hashed" })' in lines
    assert sum("updateZoneKeyRange" in line for line in lines) == 6
    assert command("shard-plan", "--store", "sqlite:///a").exit_code == 2


@pytest.mark.filterwarnings("ignore:unclosed <socket")
def test_a_database_that_cannot_be_used_is_told_without_its_address() -> None:
    """The driver leaves the socket it was connecting to the collector, which is called here."""
    url = "mongodb://user:secret@127.0.0.1:1/?serverSelectionTimeoutMS=200"
    result = command("create-indexes", "--store", url)
    assert result.exit_code == 2
    assert "no server answers" in result.output
    assert "secret" not in result.output
    del result  # its traceback holds the driver's frames
    gc.collect()
    same = command("copy", "--from", "sqlite:///a", "--to", "sqlite:///a")
    assert same.exit_code == 2


def test_what_was_stored_without_index_values_is_found_after_reindexing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"

    async def prepare() -> None:
        store = await stored(url)
        named = (
            b'{"resourceType":"Patient","id":"1","name":[{"family":"\xd0\x91\xd0\xbe\xd0\xb9"}]}'
        )
        await store.commit([write("1", content=named), write("2")])
        await store.close()

    async def found() -> list[str]:
        store = await stored(url)
        leaf = StringMatch(parameter="family", mode="prefix", values=("бой",))
        page = await store.search(query(leaf))
        await store.close()
        return [version.logical_id for version in page.matches]

    asyncio.run(prepare())
    assert asyncio.run(found()) == []
    done = command("reindex", "Patient", "--store", url, "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"types": 1, "resources": 2})
    assert asyncio.run(found()) == ["1"]
    again = command("reindex", "--store", url)
    assert (again.exit_code, again.stdout) == (0, "resources: 0, types: 0\n")
    assert command("reindex", "Pacient", "--store", url).exit_code == 2
