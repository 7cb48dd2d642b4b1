"""https://hl7.org/fhir/R4/composition-operation-document.html"""

import pytest

from tests.support.client import BASE_URL, rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("composition-operation-document.html")]


@pytest.fixture
async def client(client):
    """A composition about a patient of an organization, by a practitioner who is not here."""
    for made in (
        {"resourceType": "Organization", "id": "o", "name": "O"},
        {"resourceType": "Organization", "id": "idle", "name": "I"},
        {
            "resourceType": "Patient",
            "id": "p",
            "managingOrganization": {"reference": "Organization/o"},
        },
        {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Лікар"}]},
        {
            "resourceType": "Composition",
            "id": "c",
            "status": "final",
            "type": {"text": "Виписка"},
            "subject": {"reference": "Patient/p"},
            "date": "2024-01-01",
            "author": [{"reference": "Practitioner/d"}, {"reference": "Practitioner/gone"}],
            "title": "Виписка",
        },
    ):
        answer = await client.put(f"{made['resourceType']}/{made['id']}", made)
        assert answer.status_code == 201
    return client


async def test_a_document_has_the_composition_first_and_all_that_hangs_on_it(client) -> None:
    made = (await client.get("Composition/c/$document")).json()
    assert made["type"] == "document"
    assert made["identifier"]["value"].startswith("urn:uuid:")
    assert made["timestamp"]
    urls = [entry["fullUrl"].removeprefix(f"{BASE_URL}/") for entry in made["entry"]]
    assert urls[0] == "Composition/c"
    assert sorted(urls[1:]) == ["Organization/o", "Patient/p", "Practitioner/d"]


async def test_a_document_is_stored_where_that_is_asked_by_post(client) -> None:
    refused = await client.get("Composition/$document?id=c&persist=true")
    assert (refused.status_code, rules(refused)) == (400, ["document-persist"])
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "id", "valueUri": f"{BASE_URL}/Composition/c"},
            {"name": "persist", "valueBoolean": True},
        ],
    }
    answer = await client.post("Composition/$document", body)
    assert answer.status_code == 201
    stored = await client.get(answer.headers["Location"])
    assert stored.json()["entry"][0]["resource"]["id"] == "c"


@pytest.mark.parametrize(
    ("url", "status", "rule"),
    [
        ("Composition/$document", 400, "operation-parameter-missing"),
        ("Composition/none/$document", 404, "not-found"),
        ("Composition/c/$document?graph=urn:x", 501, "document-graph"),
    ],
)
async def test_a_document_that_cannot_be_made_is_refused(client, url, status, rule) -> None:
    answer = await client.get(url)
    assert (answer.status_code, rules(answer)) == (status, [rule])


async def test_too_large_a_document_is_refused() -> None:
    from dataclasses import replace

    from tests.support.client import SETTINGS, running

    narrow = replace(SETTINGS, search=replace(SETTINGS.search, max_included=0))
    async with running(narrow) as client:
        await client.put("Patient/p", {"resourceType": "Patient", "id": "p"})
        made = {
            "resourceType": "Composition",
            "id": "c",
            "status": "final",
            "type": {"text": "x"},
            "subject": {"reference": "Patient/p"},
            "date": "2024",
            "author": [{"display": "x"}],
            "title": "x",
        }
        await client.put("Composition/c", made)
        answer = await client.get("Composition/c/$document")
        assert (answer.status_code, rules(answer)) == (400, ["operation-too-many"])
