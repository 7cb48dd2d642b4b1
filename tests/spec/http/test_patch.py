"""https://hl7.org/fhir/R4/http.html#patch and https://hl7.org/fhir/R4/fhirpatch.html"""

import asyncio
import base64

import pytest

from tests.support.client import json_text, rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("http.html#patch", "fhirpatch.html")]

JSON_PATCH = "application/json-patch+json"
PATIENT = {
    "resourceType": "Patient",
    "id": "a",
    "active": True,
    "identifier": [{"system": "urn:s", "value": "1"}],
    "name": [{"use": "official", "family": "A", "given": ["B", "C"]}],
    "contact": [{"name": {"text": "x"}, "gender": "male"}],
}


@pytest.fixture
async def client(client):
    await client.put("Patient/a", PATIENT)
    return client


def operation(kind, path, **parts):
    """One operation of a FHIRPath Patch; ``value`` is a dict with its ``value[x]`` or ``part``."""
    made = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    for name, value in parts.items():
        if name == "value":
            made.append({"name": "value", **value})
        else:
            key = "valueInteger" if isinstance(value, int) else "valueString"
            made.append({"name": name, key: value})
    return {"name": "operation", "part": made}


def parameters(*operations):
    return {"resourceType": "Parameters", "parameter": list(operations)}


async def test_a_json_patch_makes_a_new_version(client) -> None:
    patch = [{"op": "replace", "path": "/active", "value": False}]
    answer = await client.patch("Patient/a", patch, content_type=JSON_PATCH)
    assert answer.status_code == 200
    assert answer.json()["active"] is False
    assert answer.json()["meta"]["versionId"] == "2"


async def test_a_json_patch_that_changes_nothing_makes_no_version(client) -> None:
    patch = [{"op": "test", "path": "/active", "value": True}]
    answer = await client.patch("Patient/a", patch, content_type=JSON_PATCH)
    assert answer.json()["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("patch", "status", "rule"),
    [
        ([{"op": "test", "path": "/active", "value": False}], 422, "patch-does-not-fit"),
        ([{"op": "replace", "path": "/nothing/here", "value": 1}], 422, "patch-does-not-fit"),
        ([{"op": "explode", "path": "/active"}], 400, "patch-malformed"),
        (["x"], 400, "patch-malformed"),
        ([{"op": "replace", "path": "", "value": 1}], 400, "patch-malformed"),
        ([{"op": "replace", "path": "/id", "value": "b"}], 400, "patch-changes-id"),
        (
            [{"op": "replace", "path": "/resourceType", "value": "Person"}],
            400,
            "resource-type-other",
        ),
        ([{"op": "test", "path": "/active", "value": True}] * 501, 400, "patch-too-long"),
        ({"op": "test"}, 400, "json-not-array"),
    ],
)
async def test_a_json_patch_that_cannot_be_applied_is_refused(client, patch, status, rule) -> None:
    answer = await client.patch("Patient/a", patch, content_type=JSON_PATCH)
    assert (answer.status_code, rules(answer)[0]) == (status, rule)
    assert (await client.get("Patient/a")).headers["ETag"] == 'W/"1"'


async def test_the_result_of_a_patch_is_validated(client) -> None:
    patch = [{"op": "add", "path": "/gender", "value": "blue"}]
    answer = await client.patch("Patient/a", patch, content_type=JSON_PATCH)
    assert (answer.status_code, rules(answer)) == (422, ["binding-required"])


async def test_a_copy_that_grows_without_end_is_stopped(client) -> None:
    patch = [{"op": "add", "path": "/text", "value": {"status": "empty", "div": "x" * 100_000}}]
    patch += [{"op": "copy", "from": "/text", "path": f"/x{n}"} for n in range(100)]
    answer = await client.patch("Patient/a", patch, content_type=JSON_PATCH)
    assert (answer.status_code, rules(answer)) == (400, ["patch-too-long"])


async def test_a_patch_in_an_unknown_format_is_refused(client) -> None:
    answer = await client.patch("Patient/a", b"x", content_type="text/plain")
    assert (answer.status_code, rules(answer)) == (415, ["content-type-other"])
    nothing = await client.patch("Patient/a", None)
    assert (nothing.status_code, rules(nothing)) == (415, ["patch-format"])


async def test_a_resource_that_is_no_patch_is_refused(client) -> None:
    answer = await client.patch("Patient/a", PATIENT)
    assert (answer.status_code, rules(answer)) == (400, ["patch-resource"])


async def test_a_json_patch_may_come_in_a_binary(client) -> None:
    patch = json_text([{"op": "remove", "path": "/active"}])
    binary = {
        "resourceType": "Binary",
        "contentType": JSON_PATCH,
        "data": base64.b64encode(patch).decode(),
    }
    assert "active" not in (await client.patch("Patient/a", binary)).json()
    broken = await client.patch("Patient/a", {**binary, "data": "%%"})
    assert (broken.status_code, rules(broken)) == (400, ["patch-data"])


async def test_a_patch_of_nothing_is_404_and_of_something_deleted_410(client) -> None:
    patch = [{"op": "remove", "path": "/active"}]
    assert (await client.patch("Patient/b", patch, content_type=JSON_PATCH)).status_code == 404
    await client.delete("Patient/a")
    assert (await client.patch("Patient/a", patch, content_type=JSON_PATCH)).status_code == 410


async def test_patches_at_the_same_time_all_count(client) -> None:
    patch = [{"op": "add", "path": "/identifier/-", "value": {"system": "urn:s", "value": "2"}}]
    answers = await asyncio.gather(
        *(client.patch("Patient/a", patch, content_type=JSON_PATCH) for _ in range(4))
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len((await client.get("Patient/a")).json()["identifier"]) == 5


# -- conditional patch


async def test_a_conditional_patch_changes_the_only_match(client) -> None:
    patch = [{"op": "remove", "path": "/active"}]
    answer = await client.patch("Patient?identifier=urn:s|1", patch, content_type=JSON_PATCH)
    assert (answer.status_code, answer.json()["id"]) == (200, "a")


async def test_a_conditional_patch_without_match_is_404(client) -> None:
    patch = [{"op": "remove", "path": "/active"}]
    answer = await client.patch("Patient?identifier=urn:s|2", patch, content_type=JSON_PATCH)
    assert (answer.status_code, rules(answer)) == (404, ["criteria-none"])


# -- FHIRPath Patch


@pytest.mark.parametrize(
    ("given", "at", "expected"),
    [
        (
            operation("add", "Patient", name="birthDate", value={"valueDate": "1990"}),
            "birthDate",
            "1990",
        ),
        (
            operation("add", "Patient", name="deceased", value={"valueBoolean": True}),
            "deceasedBoolean",
            True,
        ),
        (
            operation("add", "Patient.name[0]", name="given", value={"valueString": "D"}),
            "name",
            [{"use": "official", "family": "A", "given": ["B", "C", "D"]}],
        ),
        (
            operation(
                "add",
                "Patient",
                name="contact",
                value={
                    "part": [
                        {"name": "relationship", "valueCodeableConcept": {"text": "y"}},
                        {"name": "name", "valueHumanName": {"text": "z"}},
                    ]
                },
            ),
            "contact",
            [
                {"name": {"text": "x"}, "gender": "male"},
                {"relationship": [{"text": "y"}], "name": {"text": "z"}},
            ],
        ),
        (
            operation("insert", "Patient.name[0].given", index=0, value={"valueString": "D"}),
            "name",
            [{"use": "official", "family": "A", "given": ["D", "B", "C"]}],
        ),
        (
            operation(
                "insert", "Patient.telecom", index=0, value={"valueContactPoint": {"rank": 1}}
            ),
            "telecom",
            [{"rank": 1}],
        ),
        (operation("delete", "Patient.active"), "active", None),
        (operation("delete", "Patient.birthDate"), "birthDate", None),
        (
            operation("delete", "Patient.name[0].given.where($this = 'B')"),
            "name",
            [{"use": "official", "family": "A", "given": ["C"]}],
        ),
        (operation("delete", "Patient.name[0]"), "name", None),
        (operation("replace", "Patient.active", value={"valueBoolean": False}), "active", False),
        (
            operation("replace", "Patient.name.given[1]", value={"valueString": "Z"}),
            "name",
            [{"use": "official", "family": "A", "given": ["B", "Z"]}],
        ),
        (
            operation("move", "Patient.name[0].given", source=0, destination=1),
            "name",
            [{"use": "official", "family": "A", "given": ["C", "B"]}],
        ),
    ],
)
async def test_a_fhirpath_patch_changes_what_its_path_leads_to(client, given, at, expected) -> None:
    answer = await client.patch("Patient/a", parameters(given))
    assert answer.status_code == 200, answer.text
    assert answer.json().get(at) == expected


async def test_replacing_a_choice_by_another_type_renames_the_property(client) -> None:
    patient = {**PATIENT, "deceasedBoolean": True}
    await client.put("Patient/a", patient)
    value = {"valueDateTime": "2024-05-06"}
    given = parameters(operation("replace", "Patient.deceased", value=value))
    answer = (await client.patch("Patient/a", given)).json()
    assert answer["deceasedDateTime"] == "2024-05-06"
    assert "deceasedBoolean" not in answer


async def test_an_operation_sees_what_the_ones_before_it_did(client) -> None:
    given = parameters(
        operation("delete", "Patient.name[0]"),
        operation("add", "Patient", name="name", value={"valueHumanName": {"family": "N"}}),
        operation("add", "Patient.name[0]", name="given", value={"valueString": "M"}),
    )
    answer = await client.patch("Patient/a", given)
    assert answer.json()["name"] == [{"family": "N", "given": ["M"]}]


BAD_PART = (400, "fhirpath-patch-part")
BAD_PATH = (400, "fhirpath-patch-path")
NO_FIT = (422, "fhirpath-patch-does-not-fit")
TEXT, TRUE, YEAR = {"valueString": "D"}, {"valueBoolean": True}, {"valueDate": "1990"}


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (operation("explode", "Patient.active"), BAD_PART),
        (operation("delete", ""), BAD_PART),
        (operation("add", "Patient", value=YEAR), BAD_PART),
        (operation("add", "Patient", name="birthDate"), BAD_PART),
        (operation("replace", "Patient.active", value={}), BAD_PART),
        (operation("move", "Patient.name[0].given", source=0, destination=9), BAD_PART),
        (operation("insert", "Patient.name[0].given", index=9, value=TEXT), BAD_PART),
        (operation("delete", "Patient.name.("), BAD_PATH),
        (operation("delete", "Patient.name.given"), NO_FIT),
        (operation("delete", "Patient"), NO_FIT),
        (operation("replace", "Patient", value=TEXT), NO_FIT),
        (operation("replace", "Patient.birthDate", value=YEAR), NO_FIT),
        (operation("add", "Patient", name="colour", value=TEXT), NO_FIT),
        (operation("add", "Patient.communication", name="preferred", value=TRUE), NO_FIT),
        (operation("insert", "Patient.active", index=0, value=TRUE), NO_FIT),
        (operation("insert", "Patient.birthDate", index=0, value=YEAR), NO_FIT),
        (operation("move", "Patient.identifier | Patient.name", source=0, destination=0), NO_FIT),
    ],
)
async def test_a_fhirpath_patch_that_cannot_be_applied_is_refused(client, given, refusal) -> None:
    answer = await client.patch("Patient/a", parameters(given))
    assert (answer.status_code, rules(answer)[0]) == refusal
    assert (await client.get("Patient/a")).headers["ETag"] == 'W/"1"'


async def test_issues_of_the_result_have_no_place_in_the_posted_patch(client) -> None:
    given = parameters(operation("replace", "Patient.contact[0].gender", value={"valueCode": "x"}))
    issue = (await client.patch("Patient/a", given)).json()["issue"][0]
    assert issue["expression"] == ["Patient.contact[0].gender"]
    assert not any("line" in extension["url"] for extension in issue["extension"])


async def test_a_patch_of_too_many_operations_is_refused(client) -> None:
    given = parameters(*[operation("delete", "Patient.active")] * 501)
    answer = await client.patch("Patient/a", given)
    assert (answer.status_code, rules(answer)) == (400, ["patch-too-long"])
