"""https://hl7.org/fhir/R4/http.html#batch"""

from dataclasses import replace

import pytest

from tests.support.client import SETTINGS, rules, running

pytestmark = [pytest.mark.anyio, pytest.mark.spec("http.html#batch")]

PATIENT = {"resourceType": "Patient", "active": True}


def batch(*requests):
    entries = [
        {"request": {"method": method, "url": url}, **({"resource": resource} if resource else {})}
        for method, url, resource in requests
    ]
    return {"resourceType": "Bundle", "type": "batch", "entry": entries}


async def test_each_entry_has_its_own_answer_and_none_stops_another(client) -> None:
    answer = await client.post(
        "",
        batch(
            ("POST", "Patient", PATIENT),
            ("GET", "Patient/never", None),
            ("POST", "Patient", {**PATIENT, "gender": "blue"}),
            ("GET", "Patient?active=true", None),
            ("GET", "metadata", None),
            ("DELETE", "Patient?identifier=urn:s|none", None),
        ),
    )
    assert (answer.status_code, answer.json()["type"]) == (200, "batch-response")
    entries = answer.json()["entry"]
    assert [e["response"]["status"] for e in entries] == [
        "201 Created",
        "404 Not Found",
        "422 Unprocessable Entity",
        "200 OK",
        "200 OK",
        "204 No Content",
    ]
    assert entries[0]["response"]["location"] == "Patient/made-1/_history/1"
    assert "resource" not in entries[0]
    assert entries[2]["response"]["outcome"]["issue"][0]["expression"] == [
        "Bundle.entry[2].resource.gender"
    ]
    assert entries[3]["resource"]["total"] == 1
    assert entries[4]["resource"]["resourceType"] == "CapabilityStatement"


async def test_representations_come_along_where_they_are_preferred(client) -> None:
    answer = await client.post(
        "", batch(("POST", "Patient", PATIENT)), prefer="return=representation"
    )
    assert answer.json()["entry"][0]["resource"]["active"] is True


async def test_a_malformed_entry_is_answered_in_its_place(client) -> None:
    bundle = batch(("GET", "Patient", None))
    bundle["entry"].insert(0, {})
    answer = await client.post("", bundle)
    first, second = answer.json()["entry"]
    assert first["response"]["status"] == "400 Bad Request"
    assert second["response"]["status"] == "200 OK"


async def test_a_batch_in_a_batch_is_refused(client) -> None:
    answer = await client.post("", batch(("POST", "", batch(("GET", "Patient", None)))))
    response = answer.json()["entry"][0]["response"]
    assert response["status"] == "400 Bad Request"
    assert response["outcome"]["issue"][0]["details"]["coding"][0]["code"] == "bundle-nested"


async def test_more_entries_than_the_limit_are_refused() -> None:
    async with running(bundle=replace(SETTINGS.bundle, max_batch_entries=1)) as client:
        answer = await client.post("", batch(*[("GET", "Patient", None)] * 2))
        assert (answer.status_code, rules(answer)) == (413, ["bundle-too-many"])


@pytest.mark.parametrize("kind", ["collection", "searchset", "document", "message", None, 7])
async def test_bundles_of_other_types_are_refused_at_the_base(client, kind) -> None:
    answer = await client.post("", {"resourceType": "Bundle", "type": kind})
    assert (answer.status_code, rules(answer)) == (400, ["bundle-type"])


async def test_another_resource_is_refused_at_the_base(client) -> None:
    answer = await client.post("", PATIENT)
    assert (answer.status_code, rules(answer)) == (400, ["base-needs-bundle"])
