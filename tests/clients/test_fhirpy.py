"""The client fhirpy, unmodified, against a server on loopback."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

ROOT = Path(__file__).parents[2]
PATIENT = json.loads((ROOT / "examples/patients/passport.json").read_text(encoding="utf-8"))


@pytest.fixture
def client(base_url: str) -> SyncFHIRClient:
    return SyncFHIRClient(base_url, authorization="none")


def test_create_read_update_delete(client: SyncFHIRClient) -> None:
    patient = client.resource(
        "Patient", **{k: v for k, v in PATIENT.items() if k not in {"id", "resourceType"}}
    )
    patient.save()
    assert patient["meta"]["versionId"] == "1"
    again = client.reference("Patient", patient["id"]).to_resource()
    assert again["name"][0]["family"] == PATIENT["name"][0]["family"]
    again["active"] = False
    again.save()
    assert again["meta"]["versionId"] == "2"
    again.delete()
    with pytest.raises(ResourceNotFound):
        client.reference("Patient", patient["id"]).to_resource()


def test_search_count_and_all_pages(client: SyncFHIRClient) -> None:
    for number in range(7):
        client.resource("Organization", name=f"Сторінковий заклад {number}").save()
    found = client.resources("Organization").search(name="сторінковий").limit(3)
    assert len(found.fetch()) == 3
    assert len(found.fetch_all()) == 7
    assert found.sort("-name").first()["name"] == "Сторінковий заклад 6"


def test_includes_and_reverse_includes(client: SyncFHIRClient) -> None:
    parent = client.resource("Organization", name="Головний заклад")
    parent.save()
    client.resource("Organization", name="Філія", partOf=parent.to_reference()).save()
    bundle = client.resources("Organization").search(name="Філія").include("Organization", "partof")
    names = {entry["resource"]["name"] for entry in bundle.fetch_raw()["entry"]}
    assert names == {"Філія", "Головний заклад"}


def test_a_transaction_is_run(client: SyncFHIRClient) -> None:
    bundle = json.loads((ROOT / "examples/visit-bundle.json").read_text(encoding="utf-8"))
    answer = client.execute("", method="POST", data=bundle)
    assert answer["type"] == "transaction-response"
    assert {entry["response"]["status"][:3] for entry in answer["entry"]} <= {"200", "201"}


def test_validate_says_what_is_wrong(client: SyncFHIRClient) -> None:
    assert client.resource("Patient", active=True).is_valid()
    wrong = client.resource("Patient", gender="mal")
    assert not wrong.is_valid()
    with pytest.raises(OperationOutcome) as caught:
        wrong.save()
    assert "mal" in str(caught.value)


def test_the_server_answers_with_an_outcome_to_an_unknown_type(base_url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{base_url}/Patiens", timeout=5)
    outcome = json.loads(caught.value.read())
    assert outcome["resourceType"] == "OperationOutcome"
    caught.value.close()
