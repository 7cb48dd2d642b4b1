"""``$diff`` answers with a patch: https://hl7.org/fhir/R4/fhirpatch.html"""

import pytest

from tests.support.client import rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("fhirpatch.html")]


def patient(**more):
    return {"resourceType": "Patient", "id": "p", **more}


@pytest.fixture
async def client(client):
    name = {"family": "Шевченко", "given": ["Тарас"]}
    await client.put("Patient/p", patient(name=[name], gender="male"))
    await client.put("Patient/p", patient(name=[{**name, "given": ["Тарас", "Г."]}], active=True))
    await client.put("Patient/p", patient(name=[name], birthDate="1814-03-09"))
    return client


def operations(answer):
    assert answer.status_code == 200
    return [
        {
            part["name"]: next(value for key, value in part.items() if key != "name")
            for part in operation["part"]
        }
        for operation in answer.json().get("parameter", [])
    ]


async def test_the_difference_to_the_version_before_is_a_patch(client) -> None:
    assert operations(await client.get("Patient/p/$diff?fromVersion=1&toVersion=2")) == [
        {"type": "delete", "path": "Patient.gender"},
        {"type": "add", "path": "Patient.name[0]", "name": "given", "value": "Г."},
        {"type": "add", "path": "Patient", "name": "active", "value": True},
    ]
    assert operations(await client.get("Patient/p/$diff")) == [
        {"type": "delete", "path": "Patient.active"},
        {"type": "delete", "path": "Patient.name[0].given[1]"},
        {"type": "add", "path": "Patient", "name": "birthDate", "value": "1814-03-09"},
    ]


async def test_the_patch_makes_the_other_version(client) -> None:
    patch = (await client.get("Patient/p/$diff?fromVersion=3&toVersion=1")).json()
    made = (await client.patch("Patient/p", patch)).json()
    first = (await client.get("Patient/p/_history/1")).json()
    del made["meta"], first["meta"]
    assert made == first


async def test_two_resources_may_be_named_and_meta_may_count(client) -> None:
    url = "$diff?from=Patient/p/_history/3&to=Patient/p"
    assert operations(await client.get(url)) == []
    found = operations(await client.get(url.replace("3", "2") + "&includeMeta=true"))
    assert {"type": "replace", "path": "Patient.meta.versionId", "value": "3"} in found


@pytest.mark.parametrize(
    ("url", "status", "rule"),
    [
        ("Patient/p/$diff?fromVersion=x", 400, "operation-parameter-type"),
        ("Patient/p/$diff?fromVersion=9", 404, "not-found"),
        ("Patient/none/$diff", 404, "not-found"),
        ("$diff?from=Patient/p", 400, "operation-parameter-missing"),
        ("$diff?from=Patient&to=Patient/p", 400, "operation-parameter-type"),
        ("$diff?from=Group/g&to=Patient/p", 400, "diff-types"),
        ("Patient/gone/$diff", 404, "diff-deletion"),
    ],
)
async def test_what_cannot_be_compared_is_refused(client, url, status, rule) -> None:
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": False}
    await client.put("Group/g", group)
    await client.put("Patient/gone", {"resourceType": "Patient", "id": "gone"})
    await client.delete("Patient/gone")
    answer = await client.get(url)
    assert (answer.status_code, rules(answer)) == (status, [rule])
