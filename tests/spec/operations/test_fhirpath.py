"""``$fhirpath`` in the shape of fhirpath-lab.com; https://hl7.org/fhir/R4/fhirpath.html"""

import pytest

from tests.support.client import rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("fhirpath.html")]

PATIENT = {
    "resourceType": "Patient",
    "birthDate": "1990-05",
    "name": [{"family": "A", "given": ["B", "C"]}, {"family": "D"}],
    "contact": [{"gender": "male", "name": {"text": "x"}}],
}


def asked(expression, resource=PATIENT, **more):
    parameters = [{"name": "expression", "valueString": expression}]
    if resource is not None:
        parameters.append({"name": "resource", "resource": resource})
    parameters += [{"name": name, **value} for name, value in more.items()]
    return {"resourceType": "Parameters", "parameter": parameters}


async def results(client, *args, **more):
    answer = await client.post("$fhirpath", asked(*args, **more))
    assert answer.status_code == 200, answer.text
    return [p for p in answer.json()["parameter"] if p["name"] == "result"]


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("1 + 1", {"name": "integer", "valueInteger": 2}),
        ("true", {"name": "boolean", "valueBoolean": True}),
        ("'x'", {"name": "string", "valueString": "x"}),
        ("1.50", {"name": "decimal", "valueDecimal": 1.5}),
        ("@2024-05-06", {"name": "date", "valueDate": "2024-05-06"}),
        ("@T10:00", {"name": "time", "valueTime": "10:00"}),
        ("Patient.birthDate", {"name": "date", "valueDate": "1990-05"}),
        ("Patient.name[1]", {"name": "HumanName", "valueHumanName": {"family": "D"}}),
        ("Patient", {"name": "Patient", "resource": PATIENT}),
    ],
)
async def test_a_value_comes_with_its_type(client, expression, part) -> None:
    assert await results(client, expression) == [{"name": "result", "part": [part]}]


async def test_a_quantity_has_its_unit(client) -> None:
    (result,) = await results(client, "4 'mg'")
    assert result["part"][0]["valueQuantity"]["code"] == "mg"


async def test_what_no_value_can_hold_travels_as_json(client) -> None:
    (result,) = await results(client, "Patient.contact")
    assert result["part"][0]["extension"][0]["valueString"] == (
        '{"gender":"male","name":{"text":"x"}}'
    )


async def test_an_empty_result_has_no_parts(client) -> None:
    assert await results(client, "{}") == []


async def test_each_context_has_its_own_result(client) -> None:
    found = await results(client, "given.count()", context={"valueString": "Patient.name"})
    assert [(r["valueString"], r["part"][0]["valueInteger"]) for r in found] == [
        ("Patient.name[0]", 2),
        ("Patient.name[1]", 0),
    ]


async def test_variables_and_traces(client) -> None:
    variables = {"part": [{"name": "n", "valueInteger": 40}, {"name": "t", "valueString": "x"}]}
    answer = await client.post("$fhirpath", asked("(%n + 2).trace('seen')", variables=variables))
    result, trace = answer.json()["parameter"]
    assert result["part"][0]["valueInteger"] == 42
    assert (trace["name"], trace["valueString"]) == ("trace", "seen")


async def test_value_sets_and_profiles_of_the_server_are_known(client) -> None:
    gender = "http://hl7.org/fhir/ValueSet/administrative-gender"
    (member,) = await results(client, f"Patient.contact.gender.memberOf('{gender}')")
    assert member["part"][0]["valueBoolean"] is True
    profile = "http://hl7.org/fhir/StructureDefinition/Patient"
    (conforms,) = await results(client, f"Patient.conformsTo('{profile}')")
    assert conforms["part"][0]["valueBoolean"] is True


async def test_an_expression_in_the_query_needs_no_resource(client) -> None:
    answer = await client.get("$fhirpath?expression=1%2B1")
    assert answer.json()["parameter"][0]["part"][0]["valueInteger"] == 2


@pytest.mark.parametrize("expression", ["Patient.(", "Patient.nam", "1 +", "unknown()"])
async def test_an_expression_that_is_none_is_400(client, expression) -> None:
    answer = await client.post("$fhirpath", asked(expression))
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_input_that_is_none_is_400(client) -> None:
    empty = await client.post("$fhirpath", {"resourceType": "Parameters"})
    assert (empty.status_code, rules(empty)) == (400, ["operation-parameter-missing"])
    other = await client.post("$fhirpath", PATIENT)
    assert (other.status_code, rules(other)) == (400, ["operation-needs-parameters"])
    unknown = await client.post("$fhirpath", asked("true", {"resourceType": "Unicorn"}))
    assert (unknown.status_code, rules(unknown)) == (400, ["fhirpath-resource"])
