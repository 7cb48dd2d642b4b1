"""https://hl7.org/fhir/R4/xml.html and https://hl7.org/fhir/R4/http.html#mime-type"""

import pytest

from tests.support.client import FHIR_JSON, rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("xml.html", "http.html#mime-type")]

FHIR_XML = "application/fhir+xml"
ROOT = '<Patient xmlns="http://hl7.org/fhir"'
XML_TYPES = [FHIR_XML, "application/xml", "text/xml", f"{FHIR_XML}; charset=UTF-8; fhirVersion=4.0"]


def patient(content: str) -> str:
    return f"{ROOT}>{content}</Patient>"


@pytest.mark.parametrize("media_type", XML_TYPES)
async def test_a_resource_is_taken_as_xml(client, media_type) -> None:
    body = patient('<active value="true"/><name><family value="Франко"/></name>')
    answer = await client.post("Patient", body, content_type=media_type)
    assert (answer.status_code, answer.headers["Content-Type"][: len(FHIR_JSON)]) == (
        201,
        FHIR_JSON,
    )
    read = (await client.get(f"Patient/{answer.json()['id']}")).json()
    assert (read["active"], read["name"]) == (True, [{"family": "Франко"}])


@pytest.mark.parametrize("media_type", XML_TYPES)
async def test_a_resource_is_given_as_xml(client, media_type) -> None:
    await client.put("Patient/a", {"resourceType": "Patient", "id": "a", "active": True})
    answer = await client.get("Patient/a", accept=media_type)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == f"{FHIR_XML};charset=utf-8"
    assert answer.headers["ETag"] == 'W/"1"'
    assert ROOT in answer.text
    assert '<active value="true"/>' in answer.text


@pytest.mark.parametrize(
    "name", ["xml", "application/fhir%2Bxml", "application/fhir+xml", "text/xml"]
)
async def test_format_in_the_url_has_the_last_word(client, name) -> None:
    answer = await client.get(f"metadata?_format={name}", accept=FHIR_JSON)
    assert answer.headers["Content-Type"].startswith(FHIR_XML)
    assert '<CapabilityStatement xmlns="http://hl7.org/fhir">' in answer.text


async def test_what_was_given_as_xml_can_be_put_back(client) -> None:
    quantity = '{"value": 1.0300, "system": "http://unitsofmeasure.org", "code": "kg"}'
    body = (
        '{"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},'
        f' "valueQuantity": {quantity}}}'
    )
    await client.put("Observation/o", body)
    as_xml = (await client.get("Observation/o", accept=FHIR_XML)).content
    again = await client.put("Observation/o", as_xml, content_type=FHIR_XML, accept=FHIR_XML)
    assert again.status_code == 200
    assert '<value value="1.0300"/>' in again.text
    assert (await client.get("Observation/o")).headers["ETag"] == 'W/"1"'  # the same content


async def test_bundles_are_xml_through_and_through(client) -> None:
    body = (
        '<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry>'
        '<fullUrl value="urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9"/>'
        '<resource><Patient><gender value="female"/></Patient></resource>'
        '<request><method value="POST"/><url value="Patient"/></request></entry></Bundle>'
    )
    answer = await client.post("", body, content_type=FHIR_XML, accept=FHIR_XML)
    assert answer.status_code == 200
    assert '<status value="201 Created"/>' in answer.text
    found = await client.get("Patient?gender=female&_format=xml&_pretty=true")
    assert '<total value="1"/>' in found.text
    assert '      <Patient>\n        <id value="made-1"/>' in found.text


async def test_findings_have_their_place_in_the_posted_xml(client) -> None:
    body = patient('\n  <gender value="mann"/>\n  <birthDate value="1990-13-01"/>\n  <foo/>\n')
    answer = await client.post("Patient", body, content_type=FHIR_XML)
    assert answer.status_code == 422
    assert set(rules(answer)) >= {"binding-required", "primitive-syntax", "property-unknown"}
    lines = {
        issue["details"]["coding"][0]["code"]: issue["diagnostics"].partition(" ")[0]
        for issue in answer.json()["issue"]
    }
    assert lines["binding-required"] == "2:3"
    assert lines["primitive-syntax"] == "3:3"
    assert lines["property-unknown"] == "4:3"


async def test_validate_tells_places_in_xml_too(client) -> None:
    body = patient('\n  <gender value="mann"/>')
    answer = await client.post("Patient/$validate", body, content_type=FHIR_XML)
    assert answer.status_code == 200
    assert answer.json()["issue"][0]["diagnostics"].startswith("2:3 ")


async def test_refusals_are_xml_for_who_asked_for_it(client) -> None:
    answer = await client.get("Patient/none", accept=FHIR_XML)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith(FHIR_XML)
    assert '<OperationOutcome xmlns="http://hl7.org/fhir">' in answer.text
    assert '<code value="not-found"/>' in answer.text


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("<Patient", "xml-syntax"),
        (f"<!DOCTYPE Patient>{patient('')}", "xml-doctype"),
        (patient('<name use="official"/>'), "xml-attribute"),
        ("{}", "xml-syntax"),
    ],
)
async def test_what_is_no_fhir_xml_is_400(client, body, rule) -> None:
    answer = await client.post("Patient", body, content_type=FHIR_XML)
    assert (answer.status_code, rules(answer)) == (400, [rule])


async def test_json_labelled_as_xml_and_xml_labelled_as_json_are_400(client) -> None:
    answer = await client.post("Patient", patient(""))
    assert (answer.status_code, rules(answer)) == (400, ["json-syntax"])


async def test_a_fhirpath_patch_may_come_as_xml(client) -> None:
    await client.put("Patient/a", {"resourceType": "Patient", "id": "a", "active": True})
    part = "<part><name value='{}'/><value{}/></part>"
    parts = (
        part.format("type", 'Code value="replace"')
        + part.format("path", 'String value="Patient.active"')
        + part.format("value", 'Boolean value="false"')
    )
    body = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>'
        f"{parts}</parameter></Parameters>"
    )
    answer = await client.patch("Patient/a", body, content_type=FHIR_XML)
    assert (answer.status_code, answer.json().get("active")) == (200, False)


async def test_a_large_body_is_read_beside_the_event_loop(client) -> None:
    names = "".join(f'<name><text value="{"x" * 80}{i}"/></name>' for i in range(500))
    answer = await client.post("Patient", patient(names), content_type=FHIR_XML)
    assert (answer.status_code, len(answer.json()["name"])) == (201, 500)


async def test_the_capability_statement_lists_the_formats(client) -> None:
    statement = (await client.get("metadata")).json()
    assert statement["format"] == [FHIR_JSON, FHIR_XML, "application/fhir+ndjson"]
    assert statement["patchFormat"] == [
        "application/json-patch+json",
        "application/xml-patch+xml",
        FHIR_JSON,
        FHIR_XML,
    ]
