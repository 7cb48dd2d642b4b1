"""Bulk export: https://hl7.org/fhir/uv/bulkdata/STU2/export.html."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.operation.export_files import ExportFiles
from fhir_server.settings import JobSettings
from tests.support.client import BASE_URL, FhirClient, rules, running
from tests.support.jobs import finished
from tests.support.mongo_store import database_url, empty_store

pytestmark = [pytest.mark.anyio, pytest.mark.spec("async.html")]

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(params=["sqlite", "mongodb"])
async def client(request: Any, tmp_path: Path) -> AsyncIterator[FhirClient]:
    store = f"sqlite:///{tmp_path}/fhir.sqlite"
    if request.param == "mongodb":
        url = request.getfixturevalue("mongodb_url")
        await (await empty_store(url)).close()
        store = database_url(url)
    async with running(store=store, jobs=JobSettings(folder=str(tmp_path / "jobs"))) as started:
        for path, body in RESOURCES.items():
            resource_type, logical_id = path.split("/")
            made = {"resourceType": resource_type, "id": logical_id, **body}
            assert (await started.put(path, made)).status_code == 201
        yield started


CODE = {"text": "x"}
RESOURCES: dict[str, dict[str, Any]] = {
    "Patient/a": {"gender": "male", "active": True},
    "Patient/b": {"gender": "female"},
    "Patient/c": {},
    "Organization/o": {"name": "Клініка"},
    "Group/inner": {
        "type": "person",
        "actual": True,
        "member": [{"entity": {"reference": "Patient/b"}}],
    },
    "Group/g": {
        "type": "person",
        "actual": True,
        "member": [
            {"entity": {"reference": "Patient/a"}},
            {"entity": {"reference": "Group/inner"}},
            {"entity": {"reference": "Patient/c"}, "inactive": True},
        ],
    },
    "Observation/oa": {"status": "final", "code": CODE, "subject": {"reference": "Patient/a"}},
    "Observation/oc": {"status": "final", "code": CODE, "subject": {"reference": "Patient/c"}},
    "Observation/og": {
        "status": "final",
        "code": CODE,
        "subject": {"reference": "Group/g"},
        "focus": [{"reference": "Patient/a"}],
    },
    "Appointment/ab": {
        "status": "proposed",
        "participant": [
            {"actor": {"reference": "Patient/a"}, "status": "accepted"},
            {"actor": {"reference": "Patient/b"}, "status": "accepted"},
        ],
    },
}  # fmt: skip


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/*"))


async def manifest_of(client: FhirClient, path: str, body: Any = None) -> dict[str, Any]:
    accepted = await client.send("POST" if body else "GET", path, body, ASYNC)
    answer = await finished(client, accepted)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert "Expires" in answer.headers
    manifest: dict[str, Any] = answer.json()
    return manifest


async def lines(client: FhirClient, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for file in files:
        answer = await client.send(
            "GET", file["url"], headers={"Accept": "application/fhir+ndjson"}
        )
        assert answer.headers["Content-Type"] == "application/fhir+ndjson"
        resources = [json.loads(line) for line in answer.text.splitlines()]
        assert len(resources) == file["count"]
        assert {r["resourceType"] for r in resources} == {file["type"]}
        found += resources
    return found


async def exported(client: FhirClient, path: str, body: Any = None) -> list[str]:
    manifest = await manifest_of(client, path, body)
    assert manifest["error"] == []
    resources = await lines(client, manifest["output"])
    return sorted(f"{r['resourceType']}/{r['id']}" for r in resources)


async def test_the_system_is_exported_with_a_file_for_each_type(client: FhirClient) -> None:
    assert await exported(client, "$export") == sorted(RESOURCES)


async def test_the_manifest_says_what_was_asked_and_when(client: FhirClient) -> None:
    manifest = await manifest_of(client, "$export?_type=Organization&_outputFormat=ndjson")
    assert manifest["request"] == f"{BASE_URL}/$export?_type=Organization&_outputFormat=ndjson"
    assert manifest["transactionTime"] == "2024-05-06T07:08:09.000Z"
    assert manifest["requiresAccessToken"] is False
    (file,) = manifest["output"]
    assert (file["type"], file["count"]) == ("Organization", 1)
    assert "deleted" not in manifest


async def test_resources_are_exported_as_they_are_stored(client: FhirClient) -> None:
    stored = await client.get("Organization/o")
    manifest = await manifest_of(client, "$export?_type=Organization")
    (file,) = manifest["output"]
    answer = await client.send("GET", file["url"])
    assert answer.content == stored.content + b"\n"
    head = await client.send("HEAD", file["url"])
    assert (head.status_code, head.content) == (200, b"")
    plain = await client.send("GET", file["url"], headers={"Accept-Encoding": "identity"})
    assert plain.content == answer.content
    assert plain.headers["Content-Length"] == str(len(plain.content))


async def test_patient_level_leaves_out_what_is_about_no_patient(client: FhirClient) -> None:
    found = await exported(client, "Patient/$export")
    assert found == sorted(set(RESOURCES) - {"Organization/o", "Observation/og"})


async def test_a_group_means_its_active_members_and_those_of_its_groups(client: FhirClient) -> None:
    found = await exported(client, "Group/g/$export?_type=Patient,Observation,Appointment")
    assert found == ["Appointment/ab", "Observation/oa", "Patient/a", "Patient/b"]


async def test_single_patients_can_be_named_by_post(client: FhirClient) -> None:
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "_type", "valueString": "Observation,Patient"},
            {"name": "patient", "valueReference": {"reference": "Patient/c"}},
        ],
    }
    assert await exported(client, "Patient/$export", parameters) == ["Observation/oc", "Patient/c"]


async def test_type_filters_are_searches_and_several_are_alternatives(client: FhirClient) -> None:
    path = (
        "$export?_type=Patient,Organization&_typeFilter=Patient?gender=male,Patient?gender=female"
    )
    assert await exported(client, path) == ["Organization/o", "Patient/a", "Patient/b"]


async def test_elements_leave_a_mark(client: FhirClient) -> None:
    manifest = await manifest_of(client, "$export?_type=Patient&_elements=gender")
    found = {r["id"]: r for r in await lines(client, manifest["output"])}
    assert "active" not in found["a"]
    assert found["a"]["gender"] == "male"
    assert found["a"]["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_since_exports_changes_and_tells_deletions(client: FhirClient) -> None:
    client.clock.advance(minutes=5)
    since = "2024-05-06T07:10:00Z"
    await client.put("Patient/c", {"resourceType": "Patient", "id": "c", "gender": "other"})
    await client.delete("Patient/b")
    await client.delete("Organization/o")
    await client.put("Organization/o", {"resourceType": "Organization", "id": "o", "name": "again"})
    manifest = await manifest_of(client, f"$export?_since={since}")
    found = [f"{r['resourceType']}/{r['id']}" for r in await lines(client, manifest["output"])]
    assert sorted(found) == ["Organization/o", "Patient/c"]
    (gone,) = await lines(client, manifest["deleted"])
    assert gone["type"] == "transaction"
    assert gone["entry"] == [{"request": {"method": "DELETE", "url": "Patient/b"}}]


async def test_what_changed_after_the_transaction_time_is_exported_as_it_was(
    client: FhirClient,
) -> None:
    accepted = await client.get("$export?_type=Patient", prefer="respond-async")
    client.clock.advance(seconds=1)
    await client.put("Patient/a", {"resourceType": "Patient", "id": "a", "gender": "other"})
    await client.put("Patient/late", {"resourceType": "Patient", "id": "late"})
    manifest = (await finished(client, accepted)).json()
    found = {r["id"]: r for r in await lines(client, manifest["output"])}
    assert sorted(found) == ["a", "b", "c"]
    assert found["a"]["gender"] == "male"


async def test_a_cancelled_export_is_gone_with_its_files(
    client: FhirClient, tmp_path: Path
) -> None:
    accepted = await client.get("$export?_type=Organization", prefer="respond-async")
    url = accepted.headers["Content-Location"]
    assert (await client.send("DELETE", url)).status_code == 202
    assert (await client.send("GET", url)).status_code == 404
    manifest = await manifest_of(client, "$export?_type=Organization")
    (file,) = manifest["output"]
    assert names(tmp_path / "jobs") == ["Organization.output.1.ndjson"]
    job = file["url"].rpartition("/")[0]
    await client.send("DELETE", job)
    assert (await client.send("GET", file["url"])).status_code == 404
    assert names(tmp_path / "jobs") == []


async def test_lenient_handling_tells_in_the_error_file_what_it_left_aside(
    client: FhirClient,
) -> None:
    wish = {"Prefer": "respond-async, handling=lenient"}
    accepted = await client.send("GET", "$export?_type=Patient&_new=1", headers=wish)
    manifest = (await finished(client, accepted)).json()
    (outcome,) = await lines(client, manifest["error"])
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == "export-ignored"


@pytest.mark.parametrize(
    ("path", "status", "rule"),
    [
        ("$export?_new=1", 400, "export-parameter"),
        ("$export?_outputFormat=text/csv", 400, "export-format"),
        ("$export?includeAssociatedData=LatestProvenanceResources", 501, "export-associated-data"),
        ("$export?_type=Unicorn", 400, "export-type-unknown"),
        ("Patient/$export?_type=Organization", 400, "export-type-not-of-patients"),
        ("$export?_typeFilter=gender=male", 400, "export-filter-type"),
        ("$export?_type=Patient&_typeFilter=Observation?code=x", 400, "export-filter-type"),
        ("$export?_typeFilter=Patient?_sort=name", 400, "export-filter-parameter"),
        ("$export?_typeFilter=Patient?colour=red", 400, "search-parameter-unknown"),
        ("$export?_since=yesterday", 400, "moment-syntax"),
        ("$export?patient=Patient/a", 400, "export-patient-level"),
        ("Patient/$export?patient=Organization/o", 400, "export-patient"),
        ("Patient/$export?patient=Patient/nobody", 404, "not-found"),
        ("Group/nobody/$export", 404, "not-found"),
        ("Group/g/$export?patient=Patient/c", 400, "export-patient-not-member"),
        ("Observation/$export", 404, "operation-not-here"),
        ("Patient/a/$export", 404, "operation-not-here"),
    ],
)
async def test_what_cannot_be_exported_is_refused_at_once(
    path: str, status: int, rule: str
) -> None:
    async with running() as client:
        for name in ("Group/inner", "Group/g", "Patient/c"):
            kind, logical_id = name.split("/")
            await client.put(name, {"resourceType": kind, "id": logical_id, **RESOURCES[name]})
        answer = await client.send("GET", path, headers=ASYNC)
        assert (answer.status_code, rules(answer)) == (status, [rule])


async def test_an_export_at_once_is_refused() -> None:
    async with running() as client:
        answer = await client.get("$export")
        assert (answer.status_code, rules(answer)) == (400, ["export-needs-async"])
        body = {"resourceType": "Parameters", "parameter": [{"name": "_type"}]}
        refused = await client.send("POST", "$export", body, ASYNC)
        assert (refused.status_code, rules(refused)) == (400, ["export-value"])


async def test_long_exports_come_in_several_files(tmp_path: Path) -> None:
    files = ExportFiles(tmp_path, "http://x/_job/1", resources_a_file=2)
    await files.add("output", "Patient", [b"1", b"2", b"3"])
    await files.add("output", "Patient", [b"4", b"5"])
    manifest = json.loads(files.manifest("t", "r"))
    assert [(f["url"], f["count"]) for f in manifest["output"]] == [
        ("http://x/_job/1/Patient.output.1.ndjson", 2),
        ("http://x/_job/1/Patient.output.2.ndjson", 2),
        ("http://x/_job/1/Patient.output.3.ndjson", 1),
    ]
    assert (tmp_path / "Patient.output.2.ndjson").read_bytes() == b"3\n4\n"
