"""Stored definitions take effect; https://hl7.org/fhir/R4/profiling.html and $snapshot."""

import pytest

from tests.support.client import SETTINGS, registry, rules, running

pytestmark = [pytest.mark.anyio, pytest.mark.spec("profiling.html#snapshot", "profiling.html")]


def element(path):
    return {"id": path, "path": path, "min": 1}


URL = "http://example.org/StructureDefinition/with-birth-date"
PROFILE = {
    "resourceType": "StructureDefinition",
    "id": "p",
    "url": URL,
    "name": "WithBirthDate",
    "status": "active",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {"element": [element("Patient.birthDate")]},
}
CLAIMING = {"resourceType": "Patient", "meta": {"profile": [URL]}}
BROKEN = {
    **PROFILE,
    "differential": {"element": [element("Patient.colour")]},
}


async def test_a_stored_profile_is_in_force_until_it_is_deleted(client) -> None:
    assert (await client.post("Patient", CLAIMING)).status_code == 422
    await client.put("StructureDefinition/p", PROFILE)
    assert (await client.post("Patient", CLAIMING)).status_code == 422
    assert (await client.post("Patient", {**CLAIMING, "birthDate": "1990"})).status_code == 201
    await client.delete("StructureDefinition/p")
    gone = await client.post("Patient", {**CLAIMING, "birthDate": "1990"})
    assert gone.status_code == 422


async def test_a_profile_that_does_not_compile_is_stored_but_not_in_force(client) -> None:
    await client.put("StructureDefinition/p", PROFILE)
    answer = await client.put("StructureDefinition/p", BROKEN, prefer="return=OperationOutcome")
    assert answer.status_code == 200
    assert "definition-not-active" in rules(answer)
    assert (await client.get("StructureDefinition/p")).json()["meta"]["versionId"] == "2"
    still = await client.post("Patient", {**CLAIMING, "birthDate": "1990"})
    assert still.status_code == 201


async def test_good_definitions_of_a_transaction_count_beside_a_broken_one(client) -> None:
    entries = [
        {"resource": resource, "request": {"method": "PUT", "url": f"StructureDefinition/{name}"}}
        for name, resource in (
            ("p", PROFILE),
            ("q", {**BROKEN, "id": "q", "url": f"{URL}-broken"}),
        )
    ]
    answer = await client.post(
        "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    )
    assert answer.status_code == 200
    assert (await client.post("Patient", {**CLAIMING, "birthDate": "1990"})).status_code == 201


async def test_a_value_set_that_moves_to_another_url_leaves_the_old_one(client) -> None:
    value_set = {
        "resourceType": "ValueSet",
        "id": "v",
        "status": "active",
        "url": "http://example.org/old",
        "compose": {"include": [{"system": "http://hl7.org/fhir/administrative-gender"}]},
    }
    await client.put("ValueSet/v", value_set)
    assert (await client.get("ValueSet/$expand?url=http://example.org/old")).status_code == 200
    await client.put("ValueSet/v", {**value_set, "url": "http://example.org/new"})
    assert (await client.get("ValueSet/$expand?url=http://example.org/old")).status_code == 404
    assert (await client.get("ValueSet/v/$expand")).json()["expansion"]["contains"]


async def test_an_extension_of_another_edition_does_not_keep_a_value_set_from_its_store(
    client,
) -> None:
    """`valueset-deprecated` is a Boolean in R4's definition and a code in what others publish.

    R4 itself can read the extension, so its own definition's breach is a warning; an extension
    with an element that R4 does not have stays refused.
    """
    deprecated = {
        "url": "http://hl7.org/fhir/StructureDefinition/valueset-deprecated",
        "valueCode": "true",
    }
    concept = {"code": "male", "extension": [deprecated]}
    value_set = {
        "resourceType": "ValueSet",
        "id": "v",
        "status": "active",
        "url": "http://example.org/deprecating",
        "compose": {
            "include": [
                {"system": "http://hl7.org/fhir/administrative-gender", "concept": [concept]}
            ]
        },
    }
    answer = await client.put("ValueSet/v", value_set, prefer="return=OperationOutcome")
    assert answer.status_code == 201
    assert "type-not-allowed" in rules(answer)
    concept["extension"] = [{**deprecated, "colour": "red"}]
    assert (await client.put("ValueSet/v", value_set)).status_code == 422


async def test_stored_definitions_are_in_force_after_a_restart(tmp_path) -> None:
    store = f"sqlite:///{tmp_path}/store.sqlite"
    async with running(store=store) as client:
        await client.put("StructureDefinition/p", PROFILE)
        await client.put("StructureDefinition/q", {**BROKEN, "id": "q", "url": f"{URL}-broken"})
    async with running(store=store) as client:
        assert (await client.post("Patient", {**CLAIMING, "birthDate": "1990"})).status_code == 201


async def test_a_snapshot_is_made_of_a_differential(client) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "definition", "resource": PROFILE}],
    }
    made = (await client.post("StructureDefinition/$snapshot", body)).json()
    elements = {e["id"]: e for e in made["snapshot"]["element"]}
    assert elements["Patient.birthDate"]["min"] == 1
    assert elements["Patient.gender"]["min"] == 0
    await client.put("StructureDefinition/p", PROFILE)
    for path in ("StructureDefinition/p/$snapshot", f"StructureDefinition/$snapshot?url={URL}"):
        assert (await client.get(path)).json()["snapshot"]


async def test_a_snapshot_of_nothing_is_refused(client) -> None:
    answer = await client.post("StructureDefinition/$snapshot")
    assert (answer.status_code, rules(answer)) == (400, ["operation-parameter-missing"])
    unknown = await client.get("StructureDefinition/$snapshot?url=http://example.org/none")
    assert unknown.status_code == 404


@pytest.mark.parametrize(("mode", "status"), [("strict", 422), ("warn", 201), ("off", 201)])
async def test_the_validation_mode_decides_on_wrong_content(mode, status) -> None:
    from dataclasses import replace

    async with running(validation=replace(SETTINGS.validation, mode=mode)) as client:
        answer = await client.post(
            "Patient",
            {"resourceType": "Patient", "gender": "blue"},
            prefer="return=OperationOutcome",
        )
        assert answer.status_code == status
        assert ("binding-required" in rules(answer)) == (mode != "off")


async def test_the_national_profile_of_a_type_can_be_demanded() -> None:
    from dataclasses import replace

    demanded = replace(SETTINGS.validation, required_profiles="national")
    kind = next(
        name
        for name in sorted(registry().types.resource_types)
        if len(registry().profiles_for(name)) == 1
    )
    async with running(validation=demanded) as client:
        assert (await client.post(kind, {"resourceType": kind})).status_code == 422
