"""References that profiles ask about lead to stored resources.

https://hl7.org/fhir/R4/references.html#literal and
https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.targetProfile
"""

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions import Registry
from fhir_server.interaction import stored_target
from fhir_server.storage.sqlite.store import SqliteStore
from tests.support import client as support
from tests.support.client import BASE_URL, FhirClient, rules, running
from tests.support.mongo_store import database_url, empty_store
from tests.support.profiles import profile

pytestmark = [pytest.mark.anyio, pytest.mark.spec("references.html#literal")]

NAMED = "http://example.org/StructureDefinition/named"
OF_NAMED = "http://example.org/StructureDefinition/of-named"
PART = "http://example.org/StructureDefinition/part"
ACTIVE = "http://example.org/StructureDefinition/of-active"
NAME = {"id": "Organization.name", "path": "Organization.name", "min": 1}
PROFILES = (
    profile(NAMED, "Organization", NAME),
    profile(
        OF_NAMED,
        "Patient",
        {
            "id": "Patient.managingOrganization",
            "path": "Patient.managingOrganization",
            "type": [{"code": "Reference", "targetProfile": [NAMED]}],
        },
    ),
    profile(
        ACTIVE,
        "Patient",
        {
            "id": "Patient",
            "path": "Patient",
            "constraint": [
                {
                    "key": "t-1",
                    "severity": "error",
                    "human": "Every practitioner is active.",
                    "expression": "generalPractitioner.all(resolve().active = true)",
                }
            ],
        },
    ),
    profile(
        PART,
        "Organization",
        NAME,
        {
            "id": "Organization.partOf",
            "path": "Organization.partOf",
            "type": [{"code": "Reference", "targetProfile": [NAMED]}],
        },
    ),
)  # fmt: skip
GOOD = {"resourceType": "Organization", "id": "good", "name": "A"}
IDENTIFIER = [{"system": "urn:s", "value": "1"}]
POOR = {"resourceType": "Organization", "id": "poor", "identifier": IDENTIFIER}
WHERE = ["Patient.managingOrganization"]


@cache
def definitions() -> Registry:
    """Ours with the profiles: putting them into each test's server would take a second each."""
    return support.registry().with_resources([*PROFILES])


@pytest.fixture(params=["sqlite", "mongodb"])
async def client(
    request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FhirClient]:
    made = definitions()
    monkeypatch.setattr(support, "registry", lambda: made)
    store = f"sqlite:///{tmp_path}/fhir.sqlite"
    if request.param == "mongodb":
        url = request.getfixturevalue("mongodb_url")
        await (await empty_store(url)).close()
        store = database_url(url)
    async with running(store=store) as started:
        for organization in (GOOD, POOR):
            path = f"Organization/{organization['id']}"
            assert (await started.put(path, organization)).status_code == 201
        yield started


def patient(reference: str | None = None, **more: Any) -> dict[str, Any]:
    made = {"resourceType": "Patient", "meta": {"profile": [OF_NAMED]}, **more}
    if reference is not None:
        made["managingOrganization"] = {"reference": reference}
    return made


def transaction(*entries: tuple[str, str, Any], **more: Any) -> dict[str, Any]:
    """Entries as (method, url, resource); ``fullUrl`` is that of the resource's id."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                **({} if resource is None else {"resource": resource}),
                "fullUrl": f"{BASE_URL}/{url}" if method == "PUT" else f"urn:uuid:{UUID}{at}",
                "request": {"method": method, "url": url},
            }
            for at, (method, url, resource) in enumerate(entries)
        ],
    }


UUID = "0c3f3a4e-5b1d-4a63-8f21-00000000000"


async def test_a_stored_target_that_meets_the_profile_is_fine(client) -> None:
    answer = await client.post("Patient", patient("Organization/good"))
    assert answer.status_code == 201
    answer = await client.post("Patient", patient(f"{BASE_URL}/Organization/good/_history/1"))
    assert answer.status_code == 201


async def test_one_that_does_not_is_refused_with_the_first_reason(client) -> None:
    answer = await client.post("Patient", patient("Organization/poor"))
    assert answer.status_code == 422
    assert rules(answer) == ["reference-target-profile"]
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == WHERE
    assert NAMED in issue["diagnostics"]
    assert issue["diagnostics"].count("Organization") > 1


async def test_updates_and_patches_are_judged_alike(client) -> None:
    await client.put("Patient/p", patient("Organization/good", id="p"))
    answer = await client.put("Patient/p", patient("Organization/poor", id="p"))
    assert (answer.status_code, rules(answer)) == (422, ["reference-target-profile"])
    change = [
        {"op": "replace", "path": "/managingOrganization/reference", "value": "Organization/poor"}
    ]
    answer = await client.patch("Patient/p", change, content_type="application/json-patch+json")
    assert (answer.status_code, rules(answer)) == (422, ["reference-target-profile"])


async def test_validate_says_the_same(client) -> None:
    for mode in ("", "?mode=create"):
        answer = await client.post(f"Patient/$validate{mode}", patient("Organization/poor"))
        assert "reference-target-profile" in rules(answer)
        answer = await client.post(f"Patient/$validate{mode}", patient("Organization/good"))
        assert "reference-target-profile" not in rules(answer)


async def test_validate_of_a_bundle_looks_in_the_store_for_what_is_not_in_it(client) -> None:
    referring = {
        "fullUrl": f"{BASE_URL}/Patient/p",
        "resource": patient("Organization/poor", id="p"),
    }
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [referring]}
    answer = await client.post("Bundle/$validate?strict=false", bundle)
    assert rules(answer) == ["reference-target-profile"]
    beside = {"fullUrl": f"{BASE_URL}/Organization/poor", "resource": {**POOR, "name": "B"}}
    answer = await client.post(
        "Bundle/$validate?strict=false", {**bundle, "entry": [referring, beside]}
    )
    assert rules(answer) == ["validate-fine"]


async def test_a_target_that_was_never_stored_is_not_judged(client) -> None:
    assert (await client.post("Patient", patient("Organization/none"))).status_code == 201
    answer = await client.post("Patient", patient("Organization/good/_history/x1"))
    assert answer.status_code == 201


async def test_a_deleted_target_is_remarked_upon(client) -> None:
    await client.delete("Organization/good")
    answer = await client.post(
        "Patient", patient("Organization/good"), prefer="return=OperationOutcome"
    )
    assert answer.status_code == 201
    assert rules(answer) == ["reference-target-deleted"]
    assert answer.json()["issue"][0]["severity"] == "warning"


async def test_a_batch_entry_is_judged_by_what_is_stored(client) -> None:
    batch = transaction(("POST", "Patient", patient("Organization/poor")))
    answer = await client.post("", {**batch, "type": "batch"})
    response = answer.json()["entry"][0]["response"]
    assert response["status"].startswith("422")


async def test_entries_of_a_transaction_come_before_what_is_stored(client) -> None:
    mended = transaction(
        ("POST", "Patient", patient("Organization/poor")),
        ("PUT", "Organization/poor", {**POOR, "name": "B"}),
    )
    assert (await client.post("", mended)).status_code == 200
    spoilt = transaction(
        ("POST", "Patient", patient("Organization/poor")), ("PUT", "Organization/poor", POOR)
    )
    answer = await client.post("", spoilt)
    assert (answer.status_code, rules(answer)) == (422, ["reference-target-profile"])
    where = "Bundle.entry[0].resource.managingOrganization"
    assert answer.json()["issue"][0]["expression"] == [where]


async def test_an_entry_made_by_the_transaction_is_a_target(client) -> None:
    for organization, status in ((GOOD, 200), (POOR, 422)):
        made = {key: value for key, value in organization.items() if key != "id"}
        answer = await client.post(
            "",
            transaction(
                ("POST", "Patient", patient(f"urn:uuid:{UUID}1")), ("POST", "Organization", made)
            ),
        )
        assert answer.status_code == status


async def test_an_entry_that_the_transaction_deletes_is_gone(client) -> None:
    answer = await client.post(
        "",
        transaction(
            ("POST", "Patient", patient("Organization/good")),
            ("DELETE", "Organization/good", None),
        ),
        prefer="return=OperationOutcome",
    )
    assert answer.status_code == 200
    outcome = answer.json()["entry"][0]["response"]["outcome"]
    (issue,) = outcome["issue"]
    assert issue["details"]["coding"][0]["code"] == "reference-target-deleted"


async def test_a_conditional_reference_is_judged_by_its_match(client) -> None:
    answer = await client.post(
        "", transaction(("POST", "Patient", patient("Organization?identifier=urn:s|1")))
    )
    assert (answer.status_code, rules(answer)) == (422, ["reference-target-profile"])


async def test_an_entry_with_errors_is_told_once_and_not_by_all_that_refer_to_it(client) -> None:
    """One missing name gave an error for each of the records that refer to the organization."""
    poor = {**POOR, "meta": {"profile": [NAMED]}}
    answer = await client.post(
        "",
        transaction(
            ("POST", "Patient", patient("Organization/poor")),
            ("POST", "Patient", patient("Organization/poor")),
            ("PUT", "Organization/poor", poor),
        ),
    )
    assert (answer.status_code, rules(answer)) == (422, ["cardinality-min"])


async def test_invariants_resolve_from_the_store(client) -> None:
    for name, active in (("a", True), ("b", False)):
        practitioner = {"resourceType": "Practitioner", "id": name, "active": active}
        await client.put(f"Practitioner/{name}", practitioner)
    statuses = []
    for name in ("a", "b", "none"):
        found = {
            "resourceType": "Patient",
            "meta": {"profile": [ACTIVE]},
            "generalPractitioner": [{"reference": f"Practitioner/{name}"}],
        }
        statuses.append((await client.post("Patient", found)).status_code)
    assert statuses == [201, 422, 422]


async def test_a_resource_may_refer_to_itself(client) -> None:
    """What is about to be stored counts, not what is stored now."""
    found = {
        **POOR,
        "name": "B",
        "meta": {"profile": [PART]},
        "partOf": {"reference": "Organization/poor"},
    }
    assert (await client.put("Organization/poor", found)).status_code == 200


async def test_what_is_too_much_is_not_read_and_told(client, monkeypatch) -> None:
    monkeypatch.setattr(stored_target, "MOST_OF_ALL", 1)
    two = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "fullUrl": f"{BASE_URL}/Patient/{at}",
                "resource": patient(f"Organization/{name}", id=at),
            }
            for at, name in (("1", "good"), ("2", "poor"))
        ],
    }  # fmt: skip
    answer = await client.post("Bundle/$validate?strict=false", two)
    assert rules(answer) == ["reference-target-unread"]


async def test_where_profiles_ask_nothing_nothing_is_read(monkeypatch) -> None:
    reads: list[Any] = []
    read_many = SqliteStore.read_many

    async def counted(store: SqliteStore, keys: Any) -> Any:
        reads.extend(keys)
        return await read_many(store, keys)

    async with running() as client:
        monkeypatch.setattr(SqliteStore, "read_many", counted)
        plain = {
            "resourceType": "Patient",
            "managingOrganization": {"reference": "Organization/a-1"},
        }
        await client.post("Patient", plain)
        assert reads == []
