"""NDJSON answers: https://hl7.org/fhir/R4/nd-json.html."""

import json

import pytest

from tests.support.client import FhirClient, rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("nd-json.html", "http.html#mime-type")]

NDJSON = "application/fhir+ndjson"


async def test_each_match_is_a_line_and_the_next_page_is_a_header(client: FhirClient) -> None:
    for name in "abc":
        await client.put(f"Patient/{name}", {"resourceType": "Patient", "id": name})
    url, found = "Patient?_count=2", []
    while url:
        page = await client.get(url, accept=NDJSON)
        assert page.headers["Content-Type"] == NDJSON
        assert page.text.endswith("\n")
        found += [json.loads(line)["id"] for line in page.text.splitlines()]
        url = page.links.get("next", {}).get("url", "")
    assert sorted(found) == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["application/x-ndjson", "application/ndjson"])
async def test_other_names_of_it_are_taken(client: FhirClient, name: str) -> None:
    await client.put("Patient/a", {"resourceType": "Patient", "id": "a"})
    assert (await client.get("Patient", accept=name)).text.count("\n") == 1
    assert (await client.get("Patient?_format=ndjson&_pretty=true")).text.count("\n") == 1


async def test_one_resource_is_one_line_a_stored_bundle_too(client: FhirClient) -> None:
    full_url = "urn:uuid:1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
    entry = {"fullUrl": full_url, "resource": {"resourceType": "Patient"}}
    body = {"resourceType": "Bundle", "id": "b", "type": "collection", "entry": [entry]}
    assert (await client.put("Bundle/b", body)).status_code == 201
    answer = await client.get("Bundle/b", accept=NDJSON)
    (line,) = answer.text.splitlines()
    assert json.loads(line)["resourceType"] == "Bundle"


async def test_history_is_lines_of_versions(client: FhirClient) -> None:
    for gender in ("male", "female"):
        body = {"resourceType": "Patient", "id": "a", "gender": gender}
        await client.put("Patient/a", body)
    answer = await client.get("Patient/a/_history", accept=NDJSON)
    assert [json.loads(line)["gender"] for line in answer.text.splitlines()] == ["female", "male"]


async def test_no_match_is_an_empty_answer(client: FhirClient) -> None:
    answer = await client.get("Patient", accept=NDJSON)
    assert (answer.status_code, answer.text) == (200, "")


async def test_refusals_are_json(client: FhirClient) -> None:
    answer = await client.get("Patient/nobody", accept=NDJSON)
    assert (answer.status_code, rules(answer)) == (404, ["not-found"])
    assert answer.headers["Content-Type"].startswith("application/fhir+json")


async def test_ndjson_is_not_read(client: FhirClient) -> None:
    answer = await client.post("Patient", b"{}\n", content_type=NDJSON)
    assert (answer.status_code, rules(answer)) == (415, ["content-type-other"])
