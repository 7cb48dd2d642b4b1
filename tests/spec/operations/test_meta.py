"""https://hl7.org/fhir/R4/resource-operation-meta.html and its siblings -add, -delete"""

import pytest

from tests.support.client import rules

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.spec(
        "resource-operation-meta.html",
        "resource-operation-meta-add.html",
        "resource-operation-meta-delete.html",
    ),
]

TAG, OTHER = {"system": "urn:t", "code": "1"}, {"system": "urn:t", "code": "2"}


def meta(**value):
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": value}]}


@pytest.fixture
async def client(client):
    await client.put("Patient/a", {"resourceType": "Patient", "id": "a", "meta": {"tag": [TAG]}})
    return client


async def test_meta_is_returned(client) -> None:
    answer = (await client.get("Patient/a/$meta")).json()
    assert answer["parameter"][0]["valueMeta"]["tag"] == [TAG]
    assert (await client.get("Patient/b/$meta")).status_code == 404


async def test_added_tags_join_those_that_are_there(client) -> None:
    answer = await client.post("Patient/a/$meta-add", meta(tag=[{**TAG, "display": "x"}, OTHER]))
    found = answer.json()["parameter"][0]["valueMeta"]
    assert (found["versionId"], found["tag"]) == ("2", [TAG, OTHER])
    assert (await client.get("Patient?_tag=urn:t|2")).json()["total"] == 1


async def test_adding_what_is_there_makes_no_version(client) -> None:
    answer = await client.post("Patient/a/$meta-add", meta(tag=[TAG]))
    assert answer.json()["parameter"][0]["valueMeta"]["versionId"] == "1"


async def test_tags_and_profiles_are_taken_away(client) -> None:
    await client.post("Patient/a/$meta-add", meta(security=[OTHER]))
    answer = await client.post("Patient/a/$meta-delete", meta(tag=[TAG], profile=["urn:none"]))
    found = answer.json()["parameter"][0]["valueMeta"]
    assert "tag" not in found
    assert found["security"] == [OTHER]


async def test_a_call_without_meta_is_refused(client) -> None:
    answer = await client.post("Patient/a/$meta-add", {"resourceType": "Parameters"})
    assert (answer.status_code, rules(answer)) == (400, ["operation-parameter-missing"])
