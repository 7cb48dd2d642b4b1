"""https://hl7.org/fhir/R4/http.html#capabilities"""

import pytest

from fhir_server.interaction import INTERACTIONS, InteractionOptions
from fhir_server.operation import OPERATIONS
from tests.support.client import BASE_URL, rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("http.html#capabilities")]


@pytest.fixture
async def statement(client):
    return (await client.get("metadata")).json()


async def test_the_statement_is_about_this_server(statement) -> None:
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == BASE_URL
    assert "application/fhir+json" in statement["format"]


async def test_every_type_tells_its_interactions_and_search_parameters(statement) -> None:
    resources = {r["type"]: r for r in statement["rest"][0]["resource"]}
    assert len(resources) == 146
    patient = resources["Patient"]
    assert {"code": "search-type"} in patient["interaction"]
    assert {p["name"] for p in patient["searchParam"]} >= {"_id", "_lastUpdated", "birthdate"}
    assert patient["conditionalDelete"] == "single"
    assert any("UaPatient" in profile for profile in patient["supportedProfile"])
    assert "Observation:subject" in resources["Observation"]["searchInclude"]


async def test_every_registered_operation_is_told_where_it_is_offered(statement) -> None:
    rest = statement["rest"][0]
    told = {o["name"] for o in rest["operation"]}
    told |= {o["name"] for r in rest["resource"] for o in r.get("operation", ())}
    options = InteractionOptions()
    assert told == {operation.name for operation in OPERATIONS if operation.is_allowed(options)}
    value_set = next(r for r in rest["resource"] if r["type"] == "ValueSet")
    definitions = {o["name"]: o["definition"] for o in value_set["operation"]}
    assert definitions["expand"] == "http://hl7.org/fhir/OperationDefinition/ValueSet-expand"


async def test_the_statement_is_valid_r4(client, statement) -> None:
    answer = await client.post("CapabilityStatement/$validate", statement)
    errors = [i for i in answer.json()["issue"] if i["severity"] in {"error", "fatal"}]
    assert errors == []


async def test_what_is_told_is_what_the_dispatcher_has() -> None:
    assert set(INTERACTIONS["type"]) == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert set(INTERACTIONS["instance"]) == {"GET", "PUT", "PATCH", "DELETE"}


async def test_code_systems_are_told_by_mode_terminology(client) -> None:
    answer = (await client.get("metadata?mode=terminology")).json()
    assert answer["resourceType"] == "TerminologyCapabilities"
    assert "http://hl7.org/fhir/administrative-gender" in {s["uri"] for s in answer["codeSystem"]}


async def test_an_unknown_mode_is_refused(client) -> None:
    answer = await client.get("metadata?mode=x")
    assert (answer.status_code, rules(answer)) == (400, ["capabilities-mode"])


async def test_a_stored_search_parameter_is_told_at_once(client) -> None:
    await client.put(
        "SearchParameter/nick",
        {
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
        },
    )
    patient = {"resourceType": "Patient", "name": [{"use": "nickname", "given": ["Nicky"]}]}
    await client.post("Patient", patient)
    resources = (await client.get("metadata")).json()["rest"][0]["resource"]
    told = next(r for r in resources if r["type"] == "Patient")["searchParam"]
    assert "nick" in {p["name"] for p in told}
    assert (await client.get("Patient?nick=nicky")).json()["total"] == 1
