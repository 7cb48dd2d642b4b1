"""XML Patch: https://hl7.org/fhir/R4/http.html#patch and https://www.rfc-editor.org/rfc/rfc5261."""

import base64

import pytest

from tests.support.client import rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("http.html#patch")]

XML_PATCH = "application/xml-patch+xml"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>a &lt; b&#160;&#xa9;</p></div>'
PATIENT = {
    "resourceType": "Patient",
    "id": "a",
    "text": {"status": "generated", "div": DIV},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
    "active": True,
    "name": [{"use": "official", "family": "A", "given": ["B", "C"]}],
    "gender": "male",
    "multipleBirthInteger": 2,
    "managingOrganization": {"reference": "#o"},
}


def diff(operations: str) -> str:
    return f'<diff xmlns:f="http://hl7.org/fhir">{operations}</diff>'


@pytest.fixture
async def client(client):
    stored = await client.put("Patient/a", PATIENT)
    assert stored.status_code == 201, stored.text
    return client


async def patched(client, operations: str):
    answer = await client.patch("Patient/a", diff(operations), content_type=XML_PATCH)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("operations", "key", "expected"),
    [
        ('<replace sel="f:Patient/f:gender/@value">female</replace>', "gender", "female"),
        ('<replace sel="Patient/active"><active value="false"/></replace>', "active", False),
        ('<add sel="Patient"><birthDate value="2001-02-03"/></add>', "birthDate", "2001-02-03"),
        ('<add sel="Patient/name" pos="prepend"><text value="T"/></add>', "name",
         [{"use": "official", "text": "T", "family": "A", "given": ["B", "C"]}]),
        ('<add sel="Patient/name/given[1]" pos="before"><f:given value="0"/></add>', "name",
         [{"use": "official", "family": "A", "given": ["0", "B", "C"]}]),
        ('<add sel="Patient/name/given[1]" pos="after"><given value="1"/><given value="2"/></add>',
         "name", [{"use": "official", "family": "A", "given": ["B", "1", "2", "C"]}]),
        ('<add sel="Patient/name" type="@id">n</add>', "name",
         [{"id": "n", "use": "official", "family": "A", "given": ["B", "C"]}]),
        ('<remove sel="Patient/name/given[@value=\'B\']"/>', "name",
         [{"use": "official", "family": "A", "given": ["C"]}]),
        ('<remove sel="Patient/name"/>', "name", None),
        ('<remove sel="Patient/gender/@value"/>', "gender", None),
        ('<replace sel="Patient/multipleBirthInteger"><multipleBirthBoolean value="true"/>'
         "</replace>", "multipleBirthBoolean", True),
        ('<replace sel="Patient/contained/Organization/name/@value">P</replace>', "contained",
         [{"resourceType": "Organization", "id": "o", "name": "P"}]),
    ],
)  # fmt: skip
async def test_operations_change_what_their_selector_finds(
    client, operations, key, expected
) -> None:
    result = await patched(client, operations)
    assert result.get(key) == expected
    if key != "contained":
        assert result["contained"] == PATIENT["contained"]


async def test_narrative_stays_as_it_was_written(client) -> None:
    result = await patched(client, '<replace sel="Patient/gender/@value">female</replace>')
    assert result["text"]["div"] == DIV


async def test_narrative_can_be_changed(client) -> None:
    operations = (
        '<replace xmlns:h="http://www.w3.org/1999/xhtml" sel="Patient/text/h:div/h:p/text()">new'
        "</replace>"
    )
    result = await patched(client, operations)
    assert result["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml"><p>new</p></div>'


async def test_an_operation_sees_what_the_ones_before_it_did(client) -> None:
    operations = (
        '<add sel="Patient"><birthDate value="2001"/></add>'
        '<replace sel="Patient/birthDate/@value">2002</replace>'
    )
    assert (await patched(client, operations))["birthDate"] == "2002"


async def test_a_patch_that_changes_nothing_makes_no_version(client) -> None:
    operations = '<replace sel="Patient/gender/@value">male</replace>'
    assert (await patched(client, operations))["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("patch", "status", "rule"),
    [
        (diff('<replace sel="Patient/name[7]/@id">x</replace>'), 422, "xml-patch-does-not-fit"),
        (diff('<remove sel="Patient/name/given"/>'), 422, "xml-patch-does-not-fit"),
        (diff('<remove sel="Patient"/>'), 422, "xml-patch-does-not-fit"),
        (diff('<replace sel="Patient"><Patient/></replace>'), 422, "xml-patch-does-not-fit"),
        (diff('<add sel="Patient" pos="after"><x/></add>'), 422, "xml-patch-does-not-fit"),
        (diff('<add sel="Patient/name" type="@id">a</add>' * 2),
         422, "xml-patch-does-not-fit"),
        (diff('<move sel="Patient/name"/>'), 400, "xml-patch-malformed"),
        (diff('<add sel="Patient"/>'), 400, "xml-patch-malformed"),
        (diff('<add sel="Patient" pos="inside"><x/></add>'), 400, "xml-patch-malformed"),
        (diff('<add sel="Patient" type="namespace::x">u</add>'), 400, "xml-patch-malformed"),
        (diff('<add sel="Patient/gender/@value">u</add>'), 400, "xml-patch-malformed"),
        (diff('<replace sel="Patient/gender/@value"><a/></replace>'), 400, "xml-patch-malformed"),
        (diff('<replace sel="Patient/gender"><a/><b/></replace>'), 400, "xml-patch-malformed"),
        (diff('<remove/>'), 400, "xml-patch-malformed"),
        (diff('<remove sel="//name"/>'), 400, "xml-patch-malformed"),
        (diff('<add sel="Patient"><gender value="female"/></add>'), 422, "xml-repeated"),
        (diff('<add sel="Patient"><colour value="red"/></add>'), 422, "property-unknown"),
        (diff('<replace sel="Patient/gender/@value">blue</replace>'), 422, "binding-required"),
        (diff('<replace sel="Patient/id/@value">b</replace>'), 400, "patch-changes-id"),
        (diff('<remove sel="Patient/name"/>' * 501), 400, "patch-too-long"),
        (diff('<remove sel="*/*/*/*[*=\'\'][*=\'\']"/>'), 422, "xml-patch-does-not-fit"),
        ("<diff>", 400, "xml-syntax"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><diff>&a;</diff>", 400, "xml-doctype"),
        (f"<diff>{'<a>' * 99}{'</a>' * 99}</diff>", 400, "xml-too-deep"),
        (b"<diff>\xff</diff>", 400, "xml-not-utf8"),
    ],
)  # fmt: skip
async def test_a_patch_that_cannot_be_applied_is_refused(client, patch, status, rule) -> None:
    answer = await client.patch("Patient/a", patch, content_type=XML_PATCH)
    assert (answer.status_code, rules(answer)[0]) == (status, rule)


async def test_selectors_that_look_at_too_much_are_refused(client) -> None:
    names = [{"given": ["x"] * 200} for _ in range(100)]
    await client.put("Patient/b", {"resourceType": "Patient", "id": "b", "name": names})
    operations = '<replace sel="*/*[1]/*[1]/@value">y</replace>' * 400
    await client.patch("Patient/b", diff(operations), content_type=XML_PATCH)
    costly = "<remove sel=\"*/*/*[@value='none']\"/>" + operations
    answer = await client.patch("Patient/b", diff(costly), content_type=XML_PATCH)
    assert answer.status_code in {400, 422}
    wide = '<add sel="Patient"><active value="true"/></add>' + (
        "<replace sel=\"*/*[given/@value='x'][1]/@id\">y</replace>" * 100
    )
    wide = wide.replace("/@id", "").replace(">y<", "><name><family value='z'/></name><")
    answer = await client.patch("Patient/b", diff(wide), content_type=XML_PATCH)
    assert (answer.status_code, rules(answer)) == (400, ["xml-patch-too-costly"])


async def test_it_can_be_conditional(client) -> None:
    patch = diff('<replace sel="Patient/gender/@value">other</replace>')
    answer = await client.patch("Patient?gender=male", patch, content_type=XML_PATCH)
    assert (answer.status_code, answer.json()["gender"]) == (200, "other")
    stale = await client.patch("Patient/a", patch, content_type=XML_PATCH, if_match='W/"1"')
    assert (stale.status_code, rules(stale)) == (412, ["version-mismatch"])


@pytest.mark.parametrize("bundle_type", ["batch", "transaction"])
@pytest.mark.parametrize("url", ["Patient/a", "Patient?gender=male"])
async def test_in_a_bundle_it_travels_in_a_binary(client, bundle_type, url) -> None:
    patch = diff('<replace sel="Patient/gender/@value">other</replace>')
    binary = {
        "resourceType": "Binary",
        "contentType": f"{XML_PATCH}; charset=utf-8",
        "data": base64.b64encode(patch.encode()).decode(),
    }
    entry = {"resource": binary, "request": {"method": "PATCH", "url": url}}
    answer = await client.post(
        "", {"resourceType": "Bundle", "type": bundle_type, "entry": [entry]}
    )
    assert answer.json()["entry"][0]["response"]["status"] == "200 OK"
    assert (await client.get("Patient/a")).json()["gender"] == "other"
