"""https://hl7.org/fhir/R4/http.html#create"""

import pytest

from tests.support.client import BASE_URL, rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("http.html#create")]

PATIENT = {"resourceType": "Patient", "active": True}


async def test_a_created_resource_gets_id_version_and_time_of_the_server(client) -> None:
    answer = await client.post("Patient", PATIENT)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{BASE_URL}/Patient/made-1/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"] == "Mon, 06 May 2024 07:08:09 GMT"
    assert answer.json() == {
        "resourceType": "Patient",
        "id": "made-1",
        "meta": {"versionId": "1", "lastUpdated": "2024-05-06T07:08:09.000Z"},
        "active": True,
    }


async def test_an_id_in_the_body_is_ignored(client) -> None:
    answer = await client.post("Patient", {**PATIENT, "id": "mine"})
    assert answer.json()["id"] == "made-1"
    assert (await client.get("Patient/mine")).status_code == 404


async def test_the_servers_part_of_meta_is_replaced_and_the_clients_part_kept(client) -> None:
    meta = {"versionId": "77", "lastUpdated": "1999-01-01T00:00:00Z", "source": "urn:a"}
    answer = await client.post("Patient", {**PATIENT, "meta": {**meta, "tag": [{"code": "x"}]}})
    assert answer.json()["meta"] == {
        "versionId": "1",
        "lastUpdated": "2024-05-06T07:08:09.000Z",
        "source": "urn:a",
        "tag": [{"code": "x"}],
    }


async def test_decimals_come_back_digit_by_digit(client) -> None:
    body = b'{"resourceType":"Location","position":{"longitude":1.0300,"latitude":-0.10}}'
    created = await client.post("Location", body)
    read = await client.get(f"Location/{created.json()['id']}")
    assert b'"longitude":1.0300' in read.content
    assert b'"latitude":-0.10' in read.content


async def test_a_resource_of_another_type_is_refused(client) -> None:
    answer = await client.post("Patient", {"resourceType": "Person"})
    assert answer.status_code == 400
    assert rules(answer) == ["resource-type-other"]


async def test_a_body_without_resource_type_is_refused(client) -> None:
    answer = await client.post("Patient", {"active": True})
    assert (answer.status_code, rules(answer)) == (400, ["resource-type-missing"])


async def test_a_meta_that_is_no_object_is_refused(client) -> None:
    answer = await client.post("Patient", {**PATIENT, "meta": "x"})
    assert (answer.status_code, rules(answer)) == (400, ["meta-not-object"])


async def test_a_create_without_body_is_refused(client) -> None:
    answer = await client.post("Patient")
    assert (answer.status_code, rules(answer)) == (400, ["body-missing"])


async def test_a_bundle_posted_to_its_type_is_stored_and_not_processed(client) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": PATIENT, "request": {"method": "POST", "url": "Patient"}}],
    }
    answer = await client.post("Bundle", bundle)
    assert answer.status_code == 201
    assert answer.json()["entry"] == bundle["entry"]
    assert (await client.get("Patient?_summary=count")).json()["total"] == 0
