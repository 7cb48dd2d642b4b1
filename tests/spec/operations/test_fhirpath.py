"""``$fhirpath`` in the shape of fhirpath-lab.com; https://hl7.org/fhir/R4/fhirpath.html"""

import json

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
        ("''.trim()", {"name": "empty-string"}),
        ("Patient", {"name": "Patient", "resource": PATIENT}),
    ],
)
async def test_a_value_comes_with_its_type(client, expression, part) -> None:
    assert await results(client, expression) == [{"name": "result", "part": [part]}]


@pytest.mark.parametrize(
    ("expression", "place", "part"),
    [
        ("Patient.birthDate", "Patient.birthDate", {"name": "date", "valueDate": "1990-05"}),
        ("name[1]", "Patient.name[1]", {"name": "HumanName", "valueHumanName": {"family": "D"}}),
    ],
)
async def test_a_value_of_the_resource_comes_with_its_place(
    client, expression, place, part
) -> None:
    url = "http://fhir.forms-lab.com/StructureDefinition/resource-path"
    extension = [{"url": url, "valueString": place}]
    assert (await results(client, expression))[0]["part"] == [{**part, "extension": extension}]


async def test_a_quantity_has_its_unit(client) -> None:
    (result,) = await results(client, "4 'mg'")
    assert result["part"][0]["valueQuantity"]["code"] == "mg"


async def test_what_no_value_can_hold_travels_as_json(client) -> None:
    (result,) = await results(client, "Patient.contact")
    place, value = result["part"][0]["extension"]
    assert place["valueString"] == "Patient.contact[0]"
    assert value["valueString"] == '{"gender":"male","name":{"text":"x"}}'


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
    _, result = answer.json()["parameter"]
    value, trace = result["part"]
    assert value["valueInteger"] == 42
    assert trace == {
        "name": "trace",
        "valueString": "seen",
        "part": [{"name": "integer", "valueInteger": 42}],
    }


async def test_variables_of_any_type(client) -> None:
    variables = {
        "part": [
            {"name": "q", "valueQuantity": {"value": 2, "code": "g"}},
            {"name": "d", "valueDate": "2024-05-06"},
            {"name": "p", "resource": PATIENT},
            {"name": "none"},
        ]
    }
    text = "%q > 1 'g' and %d.monthOf() = 5 and %p.name.count() = 2 and %none.empty()"
    (result,) = await results(client, text, variables=variables)
    assert result["part"][0]["valueBoolean"] is True


async def about(client, *args, **more):
    answer = await client.post("$fhirpath", asked(*args, **more))
    (found,) = [p for p in answer.json()["parameter"] if p["name"] == "parameters"]
    return {part["name"]: part for part in found["part"]}


async def test_what_was_asked_comes_back_with_what_is_known_of_the_expression(client) -> None:
    told = await about(client, "given.first()", context={"valueString": "Patient.name"})
    assert told["evaluator"]["valueString"] == "fhir-server (R4)"
    assert told["expression"]["valueString"] == "given.first()"
    assert told["context"]["valueString"] == "Patient.name"
    assert told["resource"]["resource"] == PATIENT
    assert told["expectedReturnType"]["valueString"] == "string"
    assert "debugOutcome" not in told


async def test_the_tree_has_the_form_of_the_lab(client) -> None:
    told = await about(client, "name.where(use = 'x').count() > -1")
    tree = json.loads(told["parseDebugTree"]["valueString"])
    call, minus = tree["Arguments"]
    assert (tree["ExpressionType"], tree["Name"], tree["ReturnType"]) == (
        "BinaryExpression",
        ">",
        "Boolean",
    )
    assert (tree["Position"], tree["Length"]) == (30, 1)
    assert (call["ExpressionType"], call["Name"]) == ("FunctionCallExpression", "count")
    where = call["Arguments"][0]
    name, criteria = where["Arguments"]
    assert (name["ExpressionType"], name["Name"], name["ReturnType"]) == (
        "ChildExpression",
        "name",
        "HumanName[]",
    )
    assert name["Arguments"] == [{"ExpressionType": "AxisExpression", "Name": "builtin.that"}]
    assert criteria["Arguments"][1]["ExpressionType"] == "ConstantExpression"
    assert minus["ExpressionType"] == "UnaryExpression"


@pytest.mark.parametrize(
    ("expression", "kinds"),
    [
        ("$this is Patient", ["BinaryExpression", "AxisExpression", "ConstantExpression"]),
        ("%resource[0]", ["IndexerExpression", "VariableRefExpression", "ConstantExpression"]),
    ],
)
async def test_each_kind_of_node_has_its_name(client, expression, kinds) -> None:
    tree = json.loads((await about(client, expression))["parseDebugTree"]["valueString"])
    assert [tree["ExpressionType"], *(a["ExpressionType"] for a in tree["Arguments"])] == kinds


async def test_what_can_never_hold_is_told_beside_the_result(client) -> None:
    told = await about(client, "contact.gender = 1")
    assert told["debugOutcome"]["resource"]["issue"][0]["severity"] == "warning"


async def test_references_are_resolved_in_the_store(client) -> None:
    organization = {"resourceType": "Organization", "id": "o", "name": "x"}
    clinic = {**organization, "id": "c", "name": "y", "partOf": {"reference": "Organization/o"}}
    for resource in (organization, clinic):
        assert (await client.put(f"Organization/{resource['id']}", resource)).status_code == 201
    patient = {**PATIENT, "managingOrganization": {"reference": "Organization/c"}}
    text = "managingOrganization.resolve().partOf.resolve().name"
    (result,) = await results(client, text, patient)
    assert result["part"][0]["valueString"] == "x"
    gone = {**PATIENT, "managingOrganization": {"reference": "Organization/none"}}
    assert await results(client, text, gone) == []


async def test_codes_are_compared_by_their_system(client) -> None:
    coding = {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "code": "_ActCoverageTypeCode",
    }
    patient = {**PATIENT, "maritalStatus": {"coding": [coding]}}
    below = {"valueCoding": {**coding, "code": "_ActInsurancePolicyCode"}}
    variables = {"part": [{"name": "below", **below}]}
    text = "maritalStatus.subsumes(%below) and %below.subsumedBy(maritalStatus)"
    (result,) = await results(client, text, patient, variables=variables)
    assert result["part"][0]["valueBoolean"] is True


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_a_resource_may_come_as_text(client, form) -> None:
    text = {
        "json": '{"resourceType":"Patient","active":true}',
        "xml": '<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>',
    }[form]
    url = f"http://fhir.forms-lab.com/StructureDefinition/{form}-value"
    body = asked("active", None)
    body["parameter"].append({"name": "resource", "extension": [{"url": url, "valueString": text}]})
    answer = await client.post("$fhirpath", body)
    (result,) = [p for p in answer.json()["parameter"] if p["name"] == "result"]
    assert result["part"][0]["valueBoolean"] is True


async def test_value_sets_and_profiles_of_the_server_are_known(client) -> None:
    gender = "http://hl7.org/fhir/ValueSet/administrative-gender"
    (member,) = await results(client, f"Patient.contact.gender.memberOf('{gender}')")
    assert member["part"][0]["valueBoolean"] is True
    profile = "http://hl7.org/fhir/StructureDefinition/Patient"
    (conforms,) = await results(client, f"Patient.conformsTo('{profile}')")
    assert conforms["part"][0]["valueBoolean"] is True


async def test_an_expression_in_the_query_needs_no_resource(client) -> None:
    answer = await client.get("$fhirpath?expression=1%2B1")
    assert answer.json()["parameter"][1]["part"][0]["valueInteger"] == 2


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
