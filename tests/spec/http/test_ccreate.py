"""https://hl7.org/fhir/R4/http.html#ccreate"""

import asyncio

import pytest

from tests.support.client import rules

pytestmark = [pytest.mark.anyio, pytest.mark.spec("http.html#ccreate")]

PATIENT = {"resourceType": "Patient", "identifier": [{"system": "urn:s", "value": "1"}]}
CRITERIA = "identifier=urn:s|1"


async def test_no_match_creates(client) -> None:
    answer = await client.post("Patient", PATIENT, if_none_exist=CRITERIA)
    assert (answer.status_code, answer.json()["id"]) == (201, "made-1")


async def test_one_match_answers_200_with_what_is_there(client) -> None:
    await client.post("Patient", PATIENT)
    answer = await client.post("Patient", {**PATIENT, "active": True}, if_none_exist=CRITERIA)
    assert answer.status_code == 200
    assert answer.json()["id"] == "made-1"
    assert "active" not in answer.json()
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Location"].endswith("/Patient/made-1/_history/1")


async def test_several_matches_are_refused_with_412(client) -> None:
    await client.post("Patient", PATIENT)
    await client.post("Patient", PATIENT)
    answer = await client.post("Patient", PATIENT, if_none_exist=CRITERIA)
    assert (answer.status_code, rules(answer)) == (412, ["criteria-multiple"])


async def test_criteria_may_carry_the_question_mark_and_the_type(client) -> None:
    await client.post("Patient", PATIENT)
    answer = await client.post("Patient", PATIENT, if_none_exist=f"Patient?{CRITERIA}")
    assert answer.status_code == 200


async def test_criteria_with_an_unknown_parameter_are_refused_even_when_lenient(client) -> None:
    answer = await client.post(
        "Patient", PATIENT, if_none_exist="colour=red", prefer="handling=lenient"
    )
    assert answer.status_code == 400


async def test_empty_criteria_would_match_everything_and_are_refused(client) -> None:
    answer = await client.post("Patient", PATIENT, if_none_exist="identifier=")
    assert (answer.status_code, rules(answer)) == (400, ["criteria-missing"])


async def test_fifty_at_the_same_time_make_one(client) -> None:
    answers = await asyncio.gather(
        *(client.post("Patient", PATIENT, if_none_exist=CRITERIA) for _ in range(50))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    found = await client.get("Patient?identifier=urn:s|1")
    assert found.json()["total"] == 1
