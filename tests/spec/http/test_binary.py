"""Binary as what it is: https://hl7.org/fhir/R4/binary.html#rest."""

import base64

import pytest

from tests.support.client import FHIR_JSON, FhirClient, rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("binary.html#rest", "http.html#mime-type")]

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"
CONTEXT = "DocumentReference/d"


async def stored(client: FhirClient) -> str:
    answer = await client.post("Binary", PNG, content_type="image/png", x_security_context=CONTEXT)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_posted_content_becomes_a_binary(client: FhirClient) -> None:
    logical_id = await stored(client)
    resource = (await client.get(f"Binary/{logical_id}", accept=FHIR_JSON)).json()
    assert resource["contentType"] == "image/png"
    assert resource["securityContext"] == {"reference": CONTEXT}
    assert base64.b64decode(resource["data"]) == PNG


@pytest.mark.parametrize(
    "accept", ["*/*", "image/png", "image/*", "image/png, application/fhir+json;q=0.5"]
)
async def test_the_content_is_answered_unless_the_resource_is_asked_for(
    client: FhirClient, accept: str
) -> None:
    path = f"Binary/{await stored(client)}"
    for url in (path, f"{path}/_history/1"):
        answer = await client.get(url, accept=accept)
        assert (answer.status_code, answer.content) == (200, PNG)
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Security-Context"] == CONTEXT
        assert answer.headers["ETag"] == 'W/"1"'
        assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        ("application/fhir+json", "", "application/fhir+json"),
        ("application/json", "", "application/fhir+json"),
        ("application/fhir+xml, */*;q=0.1", "", "application/fhir+xml"),
        ("*/*", "?_format=json", "application/fhir+json"),
        ("*/*", "?_summary=true", "application/fhir+json"),
    ],
)
async def test_the_resource_is_answered_where_it_is_asked_for(
    client: FhirClient, accept: str, query: str, content_type: str
) -> None:
    answer = await client.get(f"Binary/{await stored(client)}{query}", accept=accept)
    assert answer.headers["Content-Type"] == f"{content_type};charset=utf-8"
    assert "Binary" in answer.text


async def test_what_is_neither_is_not_acceptable(client: FhirClient) -> None:
    answer = await client.get(f"Binary/{await stored(client)}", accept="text/html")
    assert (answer.status_code, rules(answer)) == (406, ["format-not-offered"])


async def test_head_and_conditional_read_hold_for_content(client: FhirClient) -> None:
    path = f"Binary/{await stored(client)}"
    head = await client.send("HEAD", path, headers={"Accept": "image/png"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(PNG))
    known = await client.get(path, accept="image/png", if_none_match='W/"1"')
    assert (known.status_code, known.content) == (304, b"")
    gone = await client.get("Binary/none", accept="image/png")
    assert (gone.status_code, rules(gone)) == (404, ["not-found"])


async def test_content_can_be_replaced_under_its_id(client: FhirClient) -> None:
    answer = await client.put(
        "Binary/text", "Дані".encode(), content_type="text/plain;charset=utf-8"
    )
    assert answer.status_code == 201
    read = await client.get("Binary/text")
    assert (read.text, read.headers["Content-Type"]) == ("Дані", "text/plain;charset=utf-8")


async def test_json_and_xml_may_be_content_or_resource(client: FhirClient) -> None:
    content = b'{"resourceType": "Patient"}'
    made = await client.post("Binary", content, content_type="application/json")
    read = await client.get(f"Binary/{made.json()['id']}")
    assert (read.content, read.headers["Content-Type"]) == (content, "application/json")
    resource = {"resourceType": "Binary", "contentType": "text/plain", "data": "YQ=="}
    made = await client.send("POST", "Binary", resource, {"Content-Type": "application/json"})
    assert (await client.get(f"Binary/{made.json()['id']}")).content == b"a"


async def test_a_content_type_that_is_no_header_is_octets(client: FhirClient) -> None:
    body = {"resourceType": "Binary", "contentType": "text/плейн", "data": "YQ=="}
    made = await client.post("Binary", body)
    assert made.status_code in {201, 422}
    if made.status_code == 201:
        read = await client.get(f"Binary/{made.json()['id']}")
        assert read.headers["Content-Type"] == "application/octet-stream"
