"""https://hl7.org/fhir/R4/resource-operation-convert.html"""

import pytest

from tests.support.client import rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("resource-operation-convert.html")]
PATIENT = {"resourceType": "Patient", "birthDate": "1990", "active": True}


async def test_a_resource_is_converted_to_the_format_that_is_accepted(client) -> None:
    answer = await client.post("$convert", PATIENT, accept="application/fhir+xml")
    assert answer.status_code == 200
    assert answer.text.replace("\n", "").endswith(
        '<active value="true"/><birthDate value="1990"/></Patient>'
    )
    back = await client.post("$convert", answer.content, content_type="application/fhir+xml")
    assert back.json() == PATIENT


async def test_the_resource_may_come_as_a_parameter(client) -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "input", "resource": PATIENT}]}
    assert (await client.post("$convert", body)).json() == PATIENT
    own = {"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "y"}]}
    assert (await client.post("$convert", own)).json() == own


async def test_nothing_and_unknown_types_are_not_converted(client) -> None:
    nothing = await client.get("$convert")
    assert (nothing.status_code, rules(nothing)) == (400, ["body-missing"])
    unknown = await client.post("$convert", {"resourceType": "Pacient"})
    assert (unknown.status_code, rules(unknown)) == (400, ["unknown-type"])
