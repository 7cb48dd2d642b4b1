"""https://hl7.org/fhir/R4/http.html#delete and its conditional form (#3.1.0.7.1)"""

import pytest

from fhir_server.settings import BundleSettings
from tests.support.client import rules, running

pytestmark = [pytest.mark.anyio, pytest.mark.spec("http.html#delete", "http.html#3.1.0.7.1")]

PATIENT = {"resourceType": "Patient", "id": "a", "identifier": [{"system": "urn:s", "value": "1"}]}


async def test_a_delete_answers_204_with_the_version_of_the_deletion(client) -> None:
    await client.put("Patient/a", PATIENT)
    answer = await client.delete("Patient/a")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["ETag"] == 'W/"2"'
    assert (await client.get("Patient?_id=a")).json()["total"] == 0


async def test_a_delete_again_changes_nothing(client) -> None:
    await client.put("Patient/a", PATIENT)
    await client.delete("Patient/a")
    assert (await client.delete("Patient/a")).status_code == 204
    assert (await client.get("Patient/a/_history")).json()["total"] == 2


async def test_a_delete_of_what_never_was_is_204(client) -> None:
    assert (await client.delete("Patient/never")).status_code == 204
    assert (await client.get("Patient/never")).status_code == 404


async def test_a_delete_with_a_wrong_if_match_is_412(client) -> None:
    await client.put("Patient/a", PATIENT)
    answer = await client.delete("Patient/a", if_match='W/"7"')
    assert (answer.status_code, rules(answer)) == (412, ["version-mismatch"])
    assert (await client.get("Patient/a")).status_code == 200


async def test_a_delete_can_answer_with_an_outcome(client) -> None:
    await client.put("Patient/a", PATIENT)
    answer = await client.delete("Patient/a", prefer="return=OperationOutcome")
    assert (answer.status_code, rules(answer)) == (200, ["done"])


async def test_a_conditional_delete_takes_the_only_match(client) -> None:
    await client.put("Patient/a", PATIENT)
    assert (await client.delete("Patient?identifier=urn:s|1")).status_code == 204
    assert (await client.get("Patient/a")).status_code == 410


async def test_a_conditional_delete_without_match_is_204(client) -> None:
    assert (await client.delete("Patient?identifier=urn:s|1")).status_code == 204


async def test_a_conditional_delete_of_several_is_refused_with_412(client) -> None:
    await client.put("Patient/a", PATIENT)
    await client.put("Patient/b", {**PATIENT, "id": "b"})
    answer = await client.delete("Patient?identifier=urn:s|1")
    assert (answer.status_code, rules(answer)) == (412, ["criteria-multiple"])
    assert (await client.get("Patient/a")).status_code == 200


async def test_nobody_deletes_a_whole_type(client) -> None:
    answer = await client.delete("Patient")
    assert (answer.status_code, rules(answer)) == (400, ["criteria-missing"])


async def test_several_matches_are_deleted_together_where_the_settings_allow_so_many() -> None:
    async with running(bundle=BundleSettings(max_conditional_deletes=2)) as client:
        for name in "abc":
            await client.put(f"Patient/{name}", {**PATIENT, "id": name})
        refused = await client.delete("Patient?identifier=urn:s|1")
        assert (refused.status_code, rules(refused)) == (412, ["criteria-too-many"])
        await client.delete("Patient/c")
        assert (await client.delete("Patient?identifier=urn:s|1")).status_code == 204
        for name in "ab":
            assert (await client.get(f"Patient/{name}")).status_code == 410
        resource = (await client.get("metadata")).json()["rest"][0]["resource"][0]
        assert resource["conditionalDelete"] == "multiple"
