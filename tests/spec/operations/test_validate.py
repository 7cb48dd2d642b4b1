"""https://hl7.org/fhir/R4/resource-operation-validate.html"""

import pytest

from tests.support.client import rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("resource-operation-validate.html")]

GOOD = {"resourceType": "Patient", "active": True}
BAD = {"resourceType": "Patient", "gender": "blue"}
VITALS = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def parameters(resource, **values):
    given = [{"name": "resource", "resource": resource}]
    given += [{"name": name, **value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": given}


def is_wrong(answer):
    return any(i["severity"] in {"error", "fatal"} for i in answer.json()["issue"])


async def test_a_good_resource_is_said_to_be_fine_and_is_not_stored(client) -> None:
    answer = await client.post("Patient/$validate", GOOD)
    assert (answer.status_code, rules(answer)) == (200, ["validate-fine"])
    assert (await client.get("Patient?_summary=count")).json()["total"] == 0


async def test_findings_are_answered_with_200_and_their_place(client) -> None:
    answer = await client.post(
        "Patient/$validate", b'{\n "resourceType": "Patient",\n "gender": "blue"\n}'
    )
    assert answer.status_code == 200
    issue = answer.json()["issue"][0]
    assert issue["expression"] == ["Patient.gender"]
    assert [e["valueInteger"] for e in issue["extension"][:2]] == [3, 12]


async def test_places_inside_parameters_are_those_of_the_posted_text(client) -> None:
    body = b"""{"resourceType": "Parameters", "parameter": [{"name": "resource",
        "resource": {"resourceType": "Patient",
        "gender": "blue"}}]}"""
    issue = (await client.post("Patient/$validate", body)).json()["issue"][0]
    assert issue["expression"] == ["Patient.gender"]
    assert issue["extension"][0]["valueInteger"] == 3


async def test_a_profile_may_be_given_in_the_url_or_in_parameters(client) -> None:
    plain = await client.post("Observation/$validate", OBSERVATION)
    in_url = await client.post(f"Observation/$validate?profile={VITALS}", OBSERVATION)
    in_body = await client.post(
        "Observation/$validate", parameters(OBSERVATION, profile={"valueUri": VITALS})
    )
    assert (is_wrong(plain), is_wrong(in_url), is_wrong(in_body)) == (False, True, True)


async def test_an_unknown_profile_is_an_error(client) -> None:
    answer = await client.post("Patient/$validate?profile=http://example.org/none", GOOD)
    assert is_wrong(answer)


async def test_a_stored_resource_can_be_validated(client) -> None:
    await client.put("Observation/a", {**OBSERVATION, "id": "a"})
    fine = await client.get("Observation/a/$validate")
    assert not is_wrong(fine)
    assert is_wrong(await client.get(f"Observation/a/$validate?mode=profile&profile={VITALS}"))
    assert (await client.get("Observation/b/$validate")).status_code == 404


async def test_deletion_can_be_asked_about(client) -> None:
    await client.put("Patient/a", {**GOOD, "id": "a"})
    fine = await client.get("Patient/a/$validate?mode=delete")
    assert rules(fine) == ["validate-fine"]
    vague = await client.post("Patient/$validate?mode=delete")
    assert (vague.status_code, rules(vague)) == (400, ["validate-delete-instance"])


async def test_an_unknown_mode_is_refused(client) -> None:
    answer = await client.post("Patient/$validate", parameters(GOOD, mode={"valueCode": "x"}))
    assert (answer.status_code, rules(answer)) == (400, ["validate-mode"])


async def test_what_hl7s_validator_refuses_is_an_error_unless_a_write_is_asked_about(
    client,
) -> None:
    claimed = {**GOOD, "extension": [{"url": "http://a.org/unknown", "valueString": "x"}]}
    strict = await client.post("Patient/$validate", claimed)
    as_write = await client.post("Patient/$validate?mode=create", claimed)
    lenient = await client.post("Patient/$validate?strict=false", claimed)
    decided = await client.post(
        "Patient/$validate",
        parameters(claimed, mode={"valueCode": "create"}, strict={"valueBoolean": True}),
    )
    verdicts = [is_wrong(answer) for answer in (strict, as_write, lenient, decided)]
    assert verdicts == [True, False, False, True]
    assert rules(strict) == rules(lenient) == ["extension-unknown"]
    assert (await client.post("Patient", claimed)).status_code == 201


async def test_strict_is_true_or_false(client) -> None:
    answer = await client.post("Patient/$validate?strict=perhaps", GOOD)
    assert (answer.status_code, rules(answer)) == (400, ["validate-strict"])


async def test_a_report_is_compared_with_the_measure_that_is_stored_here(client) -> None:
    measure = {"resourceType": "Measure", "url": "http://example.org/m", "status": "draft"}
    counted = {"coding": [{"system": "http://example.org/g", "code": "a"}]}
    criteria = {"language": "text/fhirpath", "expression": "true"}
    groups = [{"code": counted, "population": [{"criteria": criteria}]}]
    assert (await client.post("Measure", {**measure, "group": groups})).status_code == 201
    report = {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": "http://example.org/m",
        "period": {"start": "2024"},
    }
    assert "measure-part-missing" in rules(await client.post("MeasureReport/$validate", report))


async def test_nothing_to_validate_is_refused(client) -> None:
    answer = await client.post("Patient/$validate")
    assert (answer.status_code, rules(answer)) == (400, ["body-missing"])


async def test_a_resource_of_another_type_is_wrong_here(client) -> None:
    answer = await client.post("Person/$validate", GOOD)
    assert (answer.status_code, rules(answer)) == (200, ["resource-type-other"])


async def test_text_that_is_no_json_is_400(client) -> None:
    answer = await client.post("Patient/$validate", b"{")
    assert (answer.status_code, rules(answer)) == (400, ["json-syntax"])


async def test_a_large_resource_is_validated_off_the_event_loop(client) -> None:
    names = [{"family": "x" * 100} for _ in range(2000)]
    answer = await client.post("Patient/$validate", {**GOOD, "name": names})
    assert rules(answer) == ["validate-fine"]
    stored = await client.post("Patient", {**GOOD, "name": names, "gender": "blue"})
    assert stored.status_code == 422
