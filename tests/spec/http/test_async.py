"""Answers that come later: https://hl7.org/fhir/R4/async.html."""

from pathlib import Path

import pytest

from fhir_server.settings import JobSettings
from tests.support.client import FhirClient, rules, running
from tests.support.jobs import finished

pytestmark = [pytest.mark.anyio, pytest.mark.spec("async.html", "http.html#async")]


PATIENT = {"resourceType": "Patient", "gender": "other"}


async def test_a_create_is_accepted_and_its_answer_is_an_entry(client: FhirClient) -> None:
    accepted = await client.post("Patient", PATIENT, prefer="respond-async")
    assert rules(accepted) == ["job-accepted"]
    assert accepted.headers["Preference-Applied"] == "respond-async"
    answer = await finished(client, accepted)
    assert answer.status_code == 200
    assert "Expires" in answer.headers
    bundle = answer.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "batch-response")
    (entry,) = bundle["entry"]
    assert entry["response"]["status"] == "201 Created"
    assert entry["response"]["etag"] == 'W/"1"'
    assert entry["resource"]["gender"] == "other"
    assert (await client.get(f"Patient/{entry['resource']['id']}")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "Patient/p", None, "200 OK"),
        ("GET", "Patient/p/_history/1", None, "200 OK"),
        ("GET", "Patient/p/_history", None, "200 OK"),
        ("GET", "Patient?gender=male", None, "200 OK"),
        ("GET", "metadata", None, "200 OK"),
        ("GET", "Patient/p/$everything", None, "200 OK"),
        ("PUT", "Patient/p", {"resourceType": "Patient", "id": "p", "active": True}, "200 OK"),
        ("DELETE", "Patient/p", None, "204 No Content"),
        ("DELETE", "Patient?gender=unknown", None, "204 No Content"),
        ("GET", "Patient/nobody", None, "404 Not Found"),
        ("POST", "Patient", {"resourceType": "Patient", "a": 1}, "422 Unprocessable Entity"),
        ("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": []}, "200 OK"),
    ],
)  # fmt: skip
async def test_every_interaction_can_be_answered_later(
    client: FhirClient, method: str, path: str, body, status: str
) -> None:
    await client.put("Patient/p", {"resourceType": "Patient", "id": "p", "gender": "male"})
    accepted = await client.send(method, path, body, {"Prefer": "respond-async"})
    answer = await finished(client, accepted)
    (entry,) = answer.json()["entry"]
    assert entry["response"]["status"] == status
    if status[0] == "4":
        assert entry["response"]["outcome"]["resourceType"] == "OperationOutcome"


async def test_return_minimal_leaves_the_resource_out(client: FhirClient) -> None:
    wish = "respond-async, return=minimal"
    answer = await finished(client, await client.post("Patient", PATIENT, prefer=wish))
    (entry,) = answer.json()["entry"]
    assert "resource" not in entry
    assert entry["response"]["location"]


async def test_the_answer_comes_in_the_format_of_who_asks_for_it(client: FhirClient) -> None:
    accepted = await client.post("Patient", PATIENT, prefer="respond-async")
    answer = await finished(client, accepted, Accept="application/fhir+xml")
    assert answer.headers["Content-Type"].startswith("application/fhir+xml")
    assert "<Bundle" in answer.text


async def test_what_no_interaction_is_is_refused_at_once(client: FhirClient) -> None:
    assert (await client.get("Unicorn", prefer="respond-async")).status_code == 404
    refused = await client.put("metadata", {}, prefer="respond-async")
    assert refused.status_code == 405


async def test_a_cancelled_job_is_gone(client: FhirClient) -> None:
    accepted = await client.get("Patient", prefer="respond-async")
    url = accepted.headers["Content-Location"]
    await finished(client, accepted)
    cancelled = await client.send("DELETE", url)
    assert (cancelled.status_code, rules(cancelled)) == (202, ["job-cancelled"])
    gone = await client.send("GET", url)
    assert (gone.status_code, rules(gone)) == (404, ["job-unknown"])
    assert (await client.send("DELETE", url)).status_code == 404


async def test_results_are_kept_for_a_set_time(client: FhirClient) -> None:
    accepted = await client.get("Patient", prefer="respond-async")
    await finished(client, accepted)
    client.clock.advance(hours=25)
    assert (await client.send("GET", accepted.headers["Content-Location"])).status_code == 404


async def test_too_many_jobs_are_refused_with_a_time_to_wait(tmp_path: Path) -> None:
    async with running(jobs=JobSettings(max_running=0, max_waiting=1)) as client:
        assert (await client.get("Patient", prefer="respond-async")).status_code == 202
        refused = await client.get("Patient", prefer="respond-async")
        assert (refused.status_code, rules(refused)) == (503, ["job-too-many"])
        assert refused.headers["Retry-After"]


async def test_a_restart_keeps_what_is_finished_and_tells_what_was_interrupted(
    tmp_path: Path,
) -> None:
    store = f"sqlite:///{tmp_path}/fhir.sqlite"
    async with running(store=store) as client:
        done = await client.get("Patient", prefer="respond-async")
        await finished(client, done)
    async with running(store=store, jobs=JobSettings(max_running=0)) as client:
        lost = await client.get("Patient", prefer="respond-async")
    async with running(store=store) as client:
        assert (await client.send("GET", done.headers["Content-Location"])).status_code == 200
        told = await client.send("GET", lost.headers["Content-Location"])
        assert (told.status_code, rules(told)) == (500, ["job-interrupted"])


async def test_a_job_whose_process_died_is_told_as_interrupted(tmp_path: Path) -> None:
    """The second server shares the store of the first, whose job never gets its turn."""
    store = f"sqlite:///{tmp_path}/fhir.sqlite"
    async with running(store=store, jobs=JobSettings(max_running=0)) as first:
        url = (await first.get("Patient", prefer="respond-async")).headers["Content-Location"]
        async with running(store=store) as second:
            assert (await second.send("GET", url)).status_code == 202
            second.clock.advance(minutes=2)
            told = await second.send("GET", url)
            assert (told.status_code, rules(told)) == (500, ["job-interrupted"])


async def test_entries_of_a_bundle_are_not_made_jobs_of_their_own(client: FhirClient) -> None:
    entry = {"request": {"method": "GET", "url": "Patient"}}
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    answer = await finished(client, await client.post("", batch, prefer="respond-async"))
    (outer,) = answer.json()["entry"]
    assert outer["resource"]["entry"][0]["response"]["status"] == "200 OK"


async def test_a_job_has_the_files_that_its_manifest_names_and_no_others(
    client: FhirClient,
) -> None:
    accepted = await client.get("Patient", prefer="respond-async")
    await finished(client, accepted)
    url = f"{accepted.headers['Content-Location']}/Patient.output.1.ndjson"
    answer = await client.send("GET", url)
    assert (answer.status_code, rules(answer)) == (404, ["job-file-unknown"])
    assert (await client.get("_job/a/b/c")).status_code == 404
