"""``$expunge``: FHIR has no such page; parameters and answer are HAPI FHIR's."""

import pytest

from fhir_server.settings import OperationSettings
from tests.support.client import rules, running

pytestmark = pytest.mark.anyio

ALLOWED = OperationSettings(expunge=True)


def call(**given):
    parameters = [
        {"name": name, ("valueBoolean" if isinstance(value, bool) else "valueInteger"): value}
        for name, value in given.items()
    ]
    return {"resourceType": "Parameters", "parameter": parameters}


@pytest.fixture
async def client():
    async with running(operations=ALLOWED) as started:
        yield started


async def fill(client, logical_id="a", versions=3, resource_type="Patient"):
    for number in range(versions):
        tag = {"code": f"n{number}"}
        resource = {"resourceType": resource_type, "id": logical_id, "meta": {"tag": [tag]}}
        if resource_type == "Group":
            resource |= {"type": "person", "actual": True}
        await client.put(f"{resource_type}/{logical_id}", resource)


def count(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["parameter"][0]["valueInteger"]


async def test_it_is_refused_and_not_announced_unless_the_settings_allow_it() -> None:
    async with running() as client:
        await fill(client)
        answer = await client.post("Patient/a/$expunge", call(expungeEverything=True))
        assert (answer.status_code, rules(answer)) == (403, ["expunge-off"])
        assert "operations.expunge" in answer.text
        assert (await client.get("Patient/a")).status_code == 200
        assert '"expunge"' not in (await client.get("metadata")).text


async def test_it_is_announced_where_it_is_allowed_and_only_post_calls_it(client) -> None:
    assert '"expunge"' in (await client.get("metadata")).text
    assert (await client.get("$expunge?expungeEverything=true")).status_code == 405


async def test_previous_versions_of_an_instance_go(client) -> None:
    await fill(client)
    answer = await client.post("Patient/a/$expunge", call(expungePreviousVersions=True))
    assert count(answer) == 2
    assert (await client.get("Patient/a")).json()["meta"]["versionId"] == "3"
    assert (await client.get("Patient/a/_history/1")).status_code == 404
    assert (await client.get("Patient/a/_history")).json()["total"] == 1


async def test_deleted_resources_of_a_type_go_and_ids_start_anew(client) -> None:
    await fill(client, "a", 2)
    await fill(client, "b", 2)
    await fill(client, "g", 1, "Group")
    await client.delete("Patient/a")
    await client.delete("Group/g")
    answer = await client.post("Patient/$expunge", call(expungeDeletedResources=True))
    assert count(answer) == 3
    assert (await client.get("Patient/a")).status_code == 404
    assert (await client.get("Group/g")).status_code == 410
    assert (await client.get("Patient/b/_history")).json()["total"] == 2
    await fill(client, "a", 1)
    assert (await client.get("Patient/a")).json()["meta"]["versionId"] == "1"


async def test_everything_of_an_instance_goes(client) -> None:
    await fill(client, "a")
    await fill(client, "b", 1)
    answer = await client.post("Patient/a/$expunge", call(expungeEverything=True))
    assert count(answer) == 4
    assert (await client.get("Patient/a")).status_code == 404
    assert (await client.get("Patient")).json()["total"] == 1
    answer = await client.post("Patient/a/$expunge", call(expungeEverything=True))
    assert (answer.status_code, rules(answer)) == (404, ["not-found"])


async def test_everything_at_all_goes_step_by_step(client) -> None:
    await fill(client, "a", 2)
    await fill(client, "b", 1)
    await fill(client, "g", 1, "Group")
    counts = []
    while not counts or counts[-1]:
        given = call(expungeEverything=True, limit=4)
        counts.append(count(await client.post("$expunge", given)))
    assert sum(counts) == 7
    assert max(counts) == 4
    assert (await client.get("_history")).json()["total"] == 0


async def test_a_definition_that_was_removed_and_stored_again_takes_effect(client) -> None:
    def parameter(code):
        return {
            "resourceType": "SearchParameter", "id": "nick", "url": "urn:nick", "name": "nick",
            "status": "active", "description": "x", "code": code, "base": ["Patient"],
            "type": "string", "expression": "Patient.name.text",
        }  # fmt: skip

    await client.put("SearchParameter/nick", parameter("nick"))
    assert (await client.get("Patient?nick=x")).status_code == 200
    client.clock.advance(seconds=1)
    await client.post("SearchParameter/nick/$expunge", call(expungeEverything=True))
    assert (await client.get("Patient?nick=x")).status_code == 400
    client.clock.advance(seconds=1)
    await client.put("SearchParameter/nick", parameter("alias"))
    assert (await client.get("Patient?alias=x")).status_code == 200


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (call(), "expunge-nothing"),
        (call(expungeEverything=False), "expunge-nothing"),
        (call(expungeAll=True), "expunge-parameter"),
        (call(expungeEverything=True, limit=-1), "operation-parameter-type"),
        (call(expungeEverything=1), "operation-parameter-type"),
    ],
)
async def test_what_is_not_understood_removes_nothing(client, given, rule) -> None:
    await fill(client)
    answer = await client.post("$expunge", given)
    assert (answer.status_code, rules(answer)) == (400, [rule])
    assert (await client.get("Patient/a/_history")).json()["total"] == 3


async def test_the_query_string_may_carry_the_parameters(client) -> None:
    await fill(client)
    assert count(await client.post("$expunge?expungePreviousVersions=true&limit=1")) == 1
