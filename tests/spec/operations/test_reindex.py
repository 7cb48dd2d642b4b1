"""Search parameters of one's own, and the index that they need.

https://hl7.org/fhir/R4/searchparameter.html
"""

import asyncio
from dataclasses import replace

import pytest

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import IndexValues
from fhir_server.storage.sqlite import open_sqlite
from fhir_server.storage.sqlite.store import SqliteStore
from tests.support.client import SETTINGS, rules, running

pytestmark = [pytest.mark.anyio, pytest.mark.spec("searchparameter.html")]

NICK = {
    "resourceType": "SearchParameter",
    "id": "nick",
    "url": "http://example.org/SearchParameter/nick",
    "name": "nick",
    "status": "active",
    "description": "x",
    "code": "nick",
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.name.where(use = 'nickname').given",
}


def manual(store="sqlite:///:memory:", **search):
    search = replace(SETTINGS.search, reindex="manual", **search)
    return replace(SETTINGS, store=store, search=search)


async def store_patients(client, *names):
    for name in names:
        patient = {
            "resourceType": "Patient",
            "id": name,
            "name": [{"use": "nickname", "given": [f"Nick {name}"], "family": "Own"}],
        }
        assert (await client.put(f"Patient/{name}", patient)).status_code == 201


async def found(client, url):
    bundle = (await client.get(url)).json()
    entries = bundle.get("entry", [])
    matches = [e["resource"]["id"] for e in entries if e["search"]["mode"] == "match"]
    remarks = [
        i["details"]["coding"][0]["code"]
        for e in entries
        if e["search"]["mode"] == "outcome"
        for i in e["resource"]["issue"]
    ]
    return sorted(matches), remarks


async def is_announced(client, code, resource_type="Patient"):
    rest = (await client.get("metadata")).json()["rest"][0]
    (of_type,) = [r for r in rest["resource"] if r["type"] == resource_type]
    return code in {p["name"] for p in of_type["searchParam"]}


async def finished(client, answer):
    assert answer.status_code == 202
    url = answer.headers["Content-Location"]
    for _ in range(500):
        status = await client.get(url)
        if status.status_code != 202:
            return status
        await asyncio.sleep(0.01)
    raise AssertionError("the job does not end")


async def test_a_parameter_of_a_type_without_resources_is_announced_at_once() -> None:
    async with running(manual()) as client:
        await client.put("SearchParameter/nick", NICK)
        assert await is_announced(client, "nick")
        await store_patients(client, "a")
        assert await found(client, "Patient?nick=nick") == (["a"], [])


async def test_what_was_stored_before_is_found_once_it_is_indexed_anew() -> None:
    async with running(manual()) as client:
        await store_patients(client, "a", "b")
        await client.put("SearchParameter/nick", NICK)
        await store_patients(client, "c")
        assert await found(client, "Patient?nick=nick") == (["c"], ["search-index-incomplete"])
        chained = "Observation?patient.nick=x&_has:AuditEvent:entity:type=x&_sort=date"
        assert (await found(client, chained))[1] == ["search-index-incomplete"]
        assert (await found(client, "Patient?_sort=nick"))[1] == ["search-index-incomplete"]
        assert (await found(client, "Patient?family=own"))[1] == []
        assert not await is_announced(client, "nick")
        done = await finished(client, await client.post("$reindex"))
        assert done.status_code == 200
        assert {p["name"]: p["valueInteger"] for p in done.json()["parameter"]} == {
            "types": 1,
            "resources": 3,
        }
        assert await found(client, "Patient?nick=nick") == (["a", "b", "c"], [])
        assert await is_announced(client, "nick")
        versions = (await client.get("Patient/a/_history")).json()
        assert versions["total"] == 1


async def test_by_itself_the_index_becomes_complete() -> None:
    async with running() as client:
        await store_patients(client, "a")
        await client.put("SearchParameter/nick", NICK)
        for _ in range(500):
            if (await found(client, "Patient?nick=nick")) == (["a"], []):
                break
            await asyncio.sleep(0.01)
        assert await found(client, "Patient?nick=nick") == (["a"], [])


async def test_a_changed_meaning_needs_a_new_index_and_the_same_one_does_not() -> None:
    async with running(manual()) as client:
        await store_patients(client, "a")
        await client.put("SearchParameter/nick", NICK)
        await finished(client, await client.post("Patient/$reindex"))
        await client.put("SearchParameter/nick", {**NICK, "description": "y"})
        assert await found(client, "Patient?nick=nick") == (["a"], [])
        await client.put("SearchParameter/nick", {**NICK, "expression": "Patient.name.family"})
        assert (await found(client, "Patient?nick=own"))[1] == ["search-index-incomplete"]
        await finished(client, await client.post("$reindex"))
        assert await found(client, "Patient?nick=own") == (["a"], [])
        assert await found(client, "Patient?nick=nick") == ([], [])


async def test_a_parameter_that_was_away_for_a_while_is_indexed_anew() -> None:
    async with running(manual()) as client:
        await client.put("SearchParameter/nick", NICK)
        await client.delete("SearchParameter/nick")
        answer = await client.get("Patient?nick=x")
        assert (answer.status_code, rules(answer)) == (400, ["search-parameter-unknown"])
        await store_patients(client, "a")
        await client.put("SearchParameter/nick", NICK)
        assert await found(client, "Patient?nick=nick") == ([], ["search-index-incomplete"])


async def test_words_that_are_turned_on_later_are_indexed(tmp_path) -> None:
    path = f"sqlite:///{tmp_path / 'store.sqlite'}"
    async with running(manual(path)) as client:
        await store_patients(client, "a")
        answer = await client.get("Patient?_content=own")
        assert (answer.status_code, rules(answer)) == (400, ["search-words-off"])
        assert not await is_announced(client, "_content")
        assert await is_announced(client, "_text")
    async with running(manual(path, full_text="content")) as client:
        assert await found(client, "Patient?_content=own") == ([], ["search-index-incomplete"])
        await finished(client, await client.post("$reindex"))
        assert await found(client, "Patient?_content=own") == (["a"], [])
        assert await is_announced(client, "_content")


async def test_contained_resources_of_an_older_store_are_indexed(tmp_path) -> None:
    file = tmp_path / "store.sqlite"
    request = {
        "resourceType": "MedicationRequest",
        "id": "rx",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "contained": [{"resourceType": "Medication", "id": "m", "status": "active"}],
        "medicationReference": {"reference": "#m"},
    }
    async with running(manual(f"sqlite:///{file}")) as client:
        assert (await client.put("MedicationRequest/rx", request)).status_code == 201
    older = await open_sqlite(file)
    stored = await older.read(ResourceType("MedicationRequest"), LogicalId("rx"))
    assert stored is not None
    await older.reindex([(stored, IndexValues())])
    await older.note("index", b"{}")
    await older.close()
    query = "Medication?_contained=true&status=active"
    async with running(manual(f"sqlite:///{file}")) as client:
        assert await found(client, query) == ([], ["search-index-incomplete"])
        assert await found(client, "MedicationRequest?_id=rx") == (["rx"], [])
        await finished(client, await client.post("$reindex"))
        assert await found(client, query) == (["rx"], [])


async def test_an_index_that_was_interrupted_goes_on_where_it_was(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("fhir_server.interaction.search_index.PAGE_COUNT", 2)
    path = f"sqlite:///{tmp_path / 'store.sqlite'}"
    async with running(manual(path)) as client:
        await store_patients(client, *"abcdefg")
        client.clock.advance(days=1)
        await client.put("SearchParameter/nick", NICK)
        indexed = []
        original = SqliteStore.reindex

        async def failing(store, versions):
            indexed.append(len(versions))
            if len(indexed) > 2:
                raise RuntimeError("pulled plug")
            await original(store, versions)

        monkeypatch.setattr(SqliteStore, "reindex", failing)
        stopped = await finished(client, await client.post("$reindex"))
        monkeypatch.setattr(SqliteStore, "reindex", original)
        assert stopped.status_code == 500
        assert indexed == [2, 2, 2]
    async with running(manual(path)) as client:
        client.clock.advance(days=1)
        done = await finished(client, await client.post("$reindex"))
        counts = {p["name"]: p["valueInteger"] for p in done.json()["parameter"]}
        assert counts == {"types": 1, "resources": 3}
        assert await found(client, "Patient?nick=nick") == (list("abcdefg"), [])


async def test_types_may_be_named_and_unknown_ones_are_refused() -> None:
    async with running(manual()) as client:
        await store_patients(client, "a")
        body = {
            "resourceType": "Parameters",
            "parameter": [{"name": "type", "valueCode": "Patient,Observation"}],
        }
        done = await finished(client, await client.post("$reindex", body))
        assert done.json()["parameter"][1]["valueInteger"] == 1
        answer = await client.post("$reindex?type=Pacient")
        assert (answer.status_code, rules(answer)) == (400, ["unknown-type-near"])
