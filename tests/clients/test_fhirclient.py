"""SMART's client fhirclient, unmodified, against a server on loopback."""

import json
from pathlib import Path
from typing import Any

import pytest
from fhirclient import server as fhir_server
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.models.resource import Resource
from requests import HTTPError

ROOT = Path(__file__).parents[2]


def example(name: str) -> Any:
    return json.loads((ROOT / "examples" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def server(base_url: str):
    client = FHIRClient(settings={"app_id": "test", "api_base": base_url})
    yield client.server
    client.server.session.close()


def made(resource: Resource, server) -> Any:
    """Create a resource; what the server answers."""
    resource.id = None
    return resource.create(server)


def test_what_the_server_says_of_itself_loads(server) -> None:
    assert server.capabilityStatement.fhirVersion == "4.0.1"
    assert server.capabilityStatement.rest[0].mode == "server"


def test_create_read_update_delete(server) -> None:
    answer = made(Patient(example("patients/passport")), server)
    patient = Patient.read(answer["id"], server)
    assert patient.name[0].family == example("patients/passport")["name"][0]["family"]
    assert patient.birthDate.isostring == example("patients/passport")["birthDate"]
    patient.active = False
    assert patient.update(server)["meta"]["versionId"] == "2"
    patient.delete()
    with pytest.raises(fhir_server.FHIRNotFoundException):
        Patient.read("never-was", server)
    with pytest.raises(HTTPError, match="410"):
        Patient.read(answer["id"], server)


def test_searches_give_models_page_by_page(server) -> None:
    base = example("patients/passport")
    families = [f"Сторінкова-{second}" for second in ("Абетка", "Вигадка", "Казка", "Мрія", "Явір")]
    for family in families:
        base["name"][0]["family"] = family
        made(Patient(base), server)
    search = Patient.where({"family": "сторінкова", "_count": "2", "_sort": "family"})
    found = list(search.perform_resources_iter(server))
    assert [one.name[0].family for one in found] == families
    first = next(iter(search.perform_iter(server)))
    assert isinstance(first, Bundle)
    assert len(first.entry) == 2


def test_includes_come_along(server) -> None:
    patient = made(Patient(example("patients/passport")), server)
    observation = Observation(example("observations/body-temperature"))
    observation.subject.reference = f"Patient/{patient['id']}"
    observation.encounter = None
    made(observation, server)
    search = Observation.where({"subject": f"Patient/{patient['id']}"}).include(
        "subject", Observation
    )
    kinds = {type(one) for one in search.perform_resources_iter(server)}
    assert kinds == {Observation, Patient}


def test_a_refusal_is_an_exception_with_the_outcome(server) -> None:
    patient = Patient(example("patients/passport"))
    patient.gender = "none of these"
    with pytest.raises(HTTPError, match="422") as refused:
        made(patient, server)
    assert refused.value.response is not None
    assert refused.value.response.json()["resourceType"] == "OperationOutcome"
