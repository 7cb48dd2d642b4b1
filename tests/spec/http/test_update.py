"""https://hl7.org/fhir/R4/http.html#update, #upsert, #concurrency and #cond-update"""

import asyncio

import pytest

from tests.support.client import BASE_URL, rules

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.spec(
        "http.html#update", "http.html#upsert", "http.html#concurrency", "http.html#cond-update"
    ),
]

PATIENT = {"resourceType": "Patient", "id": "a", "identifier": [{"system": "urn:s", "value": "1"}]}
CRITERIA = "Patient?identifier=urn:s|1"


async def test_an_update_of_nothing_creates_under_the_clients_id(client) -> None:
    answer = await client.put("Patient/a", PATIENT)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{BASE_URL}/Patient/a/_history/1"


async def test_an_update_makes_the_next_version(client) -> None:
    await client.put("Patient/a", PATIENT)
    answer = await client.put("Patient/a", {**PATIENT, "active": True})
    assert answer.status_code == 200
    assert answer.json()["meta"]["versionId"] == "2"
    assert "Location" not in answer.headers
    assert answer.headers["Content-Location"] == f"{BASE_URL}/Patient/a/_history/2"


async def test_an_identical_update_makes_no_version(client) -> None:
    first = await client.put("Patient/a", {**PATIENT, "active": True})
    client.clock.advance(hours=1)
    again = await client.put("Patient/a", {"active": True, **PATIENT})
    assert again.status_code == 200
    assert again.json() == first.json()


async def test_what_was_read_can_be_written_back_without_a_new_version(client) -> None:
    stored = (await client.put("Patient/a", PATIENT)).json()
    assert (await client.put("Patient/a", stored)).json()["meta"]["versionId"] == "1"


async def test_another_number_of_digits_is_another_content(client) -> None:
    body = b'{"resourceType":"Basic","id":"a","code":{"text":"x"},"extension":[{"url":"http://x","valueDecimal":%s}]}'
    await client.put("Basic/a", body % b"1.0")
    assert (await client.put("Basic/a", body % b"1.00")).json()["meta"]["versionId"] == "2"


async def test_an_update_brings_a_deleted_resource_back(client) -> None:
    await client.put("Patient/a", PATIENT)
    await client.delete("Patient/a")
    answer = await client.put("Patient/a", PATIENT)
    assert (answer.status_code, answer.json()["meta"]["versionId"]) == (201, "3")


async def test_a_body_without_id_is_refused(client) -> None:
    answer = await client.put("Patient/a", {"resourceType": "Patient"})
    assert (answer.status_code, rules(answer)) == (400, ["id-missing"])


async def test_a_body_with_another_id_is_refused(client) -> None:
    answer = await client.put("Patient/a", {**PATIENT, "id": "b"})
    assert (answer.status_code, rules(answer)) == (400, ["id-other"])


@pytest.mark.parametrize("bad", ["a" * 65, "a_b", "a%20b", "é"])
async def test_an_id_that_is_none_is_refused(client, bad) -> None:
    answer = await client.put(f"Patient/{bad}", {**PATIENT, "id": bad})
    assert (answer.status_code, rules(answer)) == (400, ["id-syntax"])


async def test_if_match_lets_the_current_version_be_replaced_and_no_other(client) -> None:
    await client.put("Patient/a", PATIENT)
    done = await client.put("Patient/a", {**PATIENT, "active": True}, if_match='W/"1"')
    late = await client.put("Patient/a", {**PATIENT, "active": False}, if_match='W/"1"')
    assert (done.status_code, late.status_code) == (200, 412)
    assert rules(late) == ["version-mismatch"]
    assert (await client.get("Patient/a")).json()["active"] is True


async def test_if_match_on_nothing_is_412(client) -> None:
    answer = await client.put("Patient/a", PATIENT, if_match='W/"1"')
    assert (answer.status_code, rules(answer)) == (412, ["version-none"])


async def test_if_none_match_star_creates_but_never_replaces(client) -> None:
    made = await client.put("Patient/a", PATIENT, if_none_match="*")
    again = await client.put("Patient/a", {**PATIENT, "active": True}, if_none_match="*")
    assert (made.status_code, again.status_code) == (201, 412)
    assert rules(again) == ["exists-already"]


@pytest.mark.parametrize("tag", ['W/"1', "W/1;2", '"1", "2"', ""])
async def test_an_if_match_that_is_no_single_tag_is_refused(client, tag) -> None:
    answer = await client.put("Patient/a", PATIENT, if_match=tag)
    assert (answer.status_code, rules(answer)) == (400, ["header-etag"])


async def test_of_many_updates_by_the_same_tag_one_wins(client) -> None:
    await client.put("Patient/a", PATIENT)
    answers = await asyncio.gather(
        *(
            client.put("Patient/a", {**PATIENT, "multipleBirthInteger": n}, if_match='W/"1"')
            for n in range(20)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 19


async def test_many_updates_without_tag_all_count(client) -> None:
    answers = await asyncio.gather(
        *(client.put("Patient/a", {**PATIENT, "multipleBirthInteger": n}) for n in range(5))
    )
    assert sorted(a.json()["meta"]["versionId"] for a in answers) == ["1", "2", "3", "4", "5"]


# -- conditional update


async def test_a_conditional_update_without_match_or_id_creates(client) -> None:
    body = {key: value for key, value in PATIENT.items() if key != "id"}
    answer = await client.put(CRITERIA, body)
    assert (answer.status_code, answer.json()["id"]) == (201, "made-1")


async def test_a_conditional_update_without_match_takes_the_id_of_the_body(client) -> None:
    answer = await client.put(CRITERIA, PATIENT)
    assert (answer.status_code, answer.json()["id"]) == (201, "a")


async def test_a_conditional_update_never_takes_over_an_id_that_does_not_match(client) -> None:
    await client.put("Patient/a", {"resourceType": "Patient", "id": "a"})
    answer = await client.put(CRITERIA, PATIENT)
    assert (answer.status_code, rules(answer)) == (412, ["exists-already"])


async def test_a_conditional_update_with_one_match_updates_it(client) -> None:
    await client.put("Patient/a", PATIENT)
    body = {**PATIENT, "active": True}
    answer = await client.put(CRITERIA, {k: v for k, v in body.items() if k != "id"})
    assert (answer.status_code, answer.json()["id"]) == (200, "a")
    assert answer.json()["meta"]["versionId"] == "2"


async def test_a_conditional_update_with_another_id_than_the_match_is_refused(client) -> None:
    await client.put("Patient/a", PATIENT)
    answer = await client.put(CRITERIA, {**PATIENT, "id": "b"})
    assert (answer.status_code, rules(answer)) == (400, ["id-other"])


async def test_a_conditional_update_with_several_matches_is_412(client) -> None:
    await client.put("Patient/a", PATIENT)
    await client.put("Patient/b", {**PATIENT, "id": "b"})
    answer = await client.put(CRITERIA, PATIENT)
    assert (answer.status_code, rules(answer)) == (412, ["criteria-multiple"])


async def test_an_update_of_a_type_without_criteria_is_refused(client) -> None:
    answer = await client.put("Patient", PATIENT)
    assert (answer.status_code, rules(answer)) == (400, ["criteria-missing"])


async def test_conditional_updates_at_the_same_time_make_one(client) -> None:
    body = {key: value for key, value in PATIENT.items() if key != "id"}
    answers = await asyncio.gather(
        *(client.put(CRITERIA, {**body, "multipleBirthInteger": n}) for n in range(5))
    )
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
