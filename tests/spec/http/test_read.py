"""https://hl7.org/fhir/R4/http.html#read and its conditional form, and vread."""

import pytest

from tests.support.client import BASE_URL, rules

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.spec("http.html#read", "http.html#vread", "http.html#cread"),
]

PATIENT = {"resourceType": "Patient", "id": "a", "gender": "male"}


@pytest.fixture
async def client(client):
    await client.put("Patient/a", PATIENT)
    client.clock.advance(hours=1)
    await client.put("Patient/a", {**PATIENT, "gender": "female"})
    return client


async def test_a_read_gives_the_current_version_with_its_headers(client) -> None:
    answer = await client.get("Patient/a")
    assert answer.status_code == 200
    assert answer.json()["gender"] == "female"
    assert answer.headers["ETag"] == 'W/"2"'
    assert answer.headers["Last-Modified"] == "Mon, 06 May 2024 08:08:09 GMT"
    assert answer.headers["Content-Location"] == f"{BASE_URL}/Patient/a/_history/2"
    assert answer.headers["Content-Type"] == "application/fhir+json;charset=utf-8"


async def test_what_never_was_is_404(client) -> None:
    answer = await client.get("Patient/b")
    assert (answer.status_code, rules(answer)) == (404, ["not-found"])


async def test_the_same_id_under_another_type_is_another_resource(client) -> None:
    assert (await client.get("Person/a")).status_code == 404


async def test_what_is_deleted_is_410_and_its_versions_can_be_read(client) -> None:
    await client.delete("Patient/a")
    answer = await client.get("Patient/a")
    assert (answer.status_code, rules(answer)) == (410, ["deleted"])
    assert (await client.get("Patient/a/_history/3")).status_code == 410
    assert (await client.get("Patient/a/_history/2")).json()["gender"] == "female"


async def test_a_version_read_gives_that_version(client) -> None:
    answer = await client.get("Patient/a/_history/1")
    assert answer.json()["gender"] == "male"
    assert answer.headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("version", ["3", "0", "x", "01", "9999999999999999999999"])
async def test_a_version_that_is_not_there_is_404(client, version) -> None:
    answer = await client.get(f"Patient/a/_history/{version}")
    assert (answer.status_code, rules(answer)) == (404, ["version-not-found"])


@pytest.mark.parametrize("tag", ['W/"2"', '"2"', '"1", W/"2"', "*"])
async def test_a_client_that_has_the_version_gets_304_without_body(client, tag) -> None:
    answer = await client.get("Patient/a", if_none_match=tag)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == 'W/"2"'


async def test_a_client_that_has_an_older_version_gets_the_resource(client) -> None:
    assert (await client.get("Patient/a", if_none_match='W/"1"')).status_code == 200


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Mon, 06 May 2024 08:08:09 GMT", 304),
        ("Mon, 06 May 2024 08:08:08 GMT", 200),
        ("no date at all", 200),
    ],
)
async def test_if_modified_since_counts_whole_seconds(client, since, status) -> None:
    assert (await client.get("Patient/a", if_modified_since=since)).status_code == status


async def test_a_head_gives_the_headers_of_a_read_and_no_body(client) -> None:
    read, head = await client.get("Patient/a"), await client.send("HEAD", "Patient/a")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(read.content))
    assert head.headers["ETag"] == read.headers["ETag"]
