"""Input of operations that is not shaped as Parameters are: https://hl7.org/fhir/R4/parameters.html.

Requests made from the OpenAPI document found some sixty such bodies that were answered with 500.
"""

from typing import Any

import pytest

from fhir_server.operation import OPERATIONS
from tests.support.client import FhirClient, rules, running

pytestmark = [pytest.mark.anyio, pytest.mark.spec("parameters.html", "operations.html#executing")]

PARTS: list[Any] = [
    None, 1, "a", {}, [1], ["a"], [None], [{}], [[]], [{"name": 1}], [{"name": "resource"}],
    [{"name": "resource", "resource": 1}], [{"name": "resource", "resource": {}}],
    [{"name": "resource", "resource": {"resourceType": {}}}], [{"name": "url", "valueUri": 1}],
    [{"name": "coding", "valueCoding": 1}], [{"name": "coding", "valueCoding": {"code": {}}}],
    [{"name": "codeableConcept", "valueCodeableConcept": {"coding": 1}}],
    [{"name": "valueSet", "resource": {"resourceType": "ValueSet", "compose": 1}}],
    [{"name": "meta", "valueMeta": {"tag": 1}}], [{"name": "expression", "valueString": 1}],
    [{"name": "expression", "valueString": "1"}, {"name": "variables", "part": 1}],
    [{"name": "code", "part": [1]}], [{"name": "profile", "valueUri": []}],
]  # fmt: skip
BODIES = [
    *({"resourceType": "Parameters", "parameter": part} for part in PARTS),
    {"resourceType": {}},
    {"resourceType": 1},
    {"resourceType": "Bundle", "type": {}, "entry": {}},
]


def urls() -> list[str]:
    found = []
    for operation in OPERATIONS:
        types = sorted(operation.resource_types or {"Patient"}) or ["Patient"]
        for shape, path in (("type-operation", ""), ("instance-operation", "/a")):
            found += [
                f"{name}{path}/${operation.name}"
                for name in types
                if operation.is_offered(shape, name)
            ]
        if operation.on_system:
            found.append(f"${operation.name}")
    return sorted(found)


@pytest.mark.parametrize("url", urls())
async def test_malformed_input_is_no_fault_of_the_server(url: str) -> None:
    async with running() as client:
        await client.put("Patient/a", {"resourceType": "Patient", "id": "a"})
        for body in BODIES:
            answer = await client.post(url, body, prefer="respond-async" if "export" in url else "")
            assert answer.status_code < 500 or answer.status_code == 501, (body, answer.text)


@pytest.mark.parametrize("body", BODIES)
async def test_a_malformed_fhirpath_patch_is_no_fault_of_the_server(
    client: FhirClient, body: Any
) -> None:
    await client.put("Patient/a", {"resourceType": "Patient", "id": "a"})
    assert 400 <= (await client.patch("Patient/a", body)).status_code < 500


@pytest.mark.parametrize(
    ("parameter", "place"),
    [
        ({}, "Parameters.parameter"),
        ([{}], "Parameters.parameter[0].name"),
        ([{"name": "url", "valueUri": 1}], "Parameters.parameter[0].valueUri"),
        ([{"name": "x", "valueBoolean": "true"}], "Parameters.parameter[0].valueBoolean"),
        ([{"name": "x", "valueInteger": "1"}], "Parameters.parameter[0].valueInteger"),
        ([{"name": "x", "valueCoding": []}], "Parameters.parameter[0].valueCoding"),
        (
            [{"name": "valueSet", "resource": {"resourceType": "ValueSet", "compose": 1}}],
            "Parameters.parameter[0].resource.compose",
        ),
    ],
)
async def test_the_refusal_names_the_place(client: FhirClient, parameter: Any, place: str) -> None:
    body = {"resourceType": "Parameters", "parameter": parameter}
    answer = await client.post("ValueSet/$expand", body)
    assert (answer.status_code, rules(answer)) == (400, ["operation-input-shape"])
    assert answer.json()["issue"][0]["expression"] == [place]
