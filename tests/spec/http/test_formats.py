"""https://hl7.org/fhir/R4/http.html#mime-type, #parameters, #ops, #custom and #compression"""

import gzip
import re

import pytest

from tests.support.client import FHIR_JSON, rules

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.spec(
        "http.html#mime-type",
        "http.html#parameters",
        "http.html#ops",
        "http.html#compression",
        "http.html#custom",
        "security.html#cors",
    ),
]

PATIENT = {"resourceType": "Patient", "id": "a", "active": True, "gender": "male"}


@pytest.fixture
async def client(client):
    await client.put("Patient/a", PATIENT)
    return client


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/fhir+json",
        "application/json",
        "application/fhir+json; fhirVersion=4.0",
        "text/html;q=0.1, application/fhir+json;q=0.9",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "application/*",
    ],
)
async def test_json_is_given_to_who_takes_it(client, accept) -> None:
    answer = await client.get("Patient/a", accept=accept)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(FHIR_JSON)


@pytest.mark.parametrize(
    "accept",
    [
        "application/pdf",
        "text/html",
        "application/fhir+json;q=0",
        "application/fhir+json; fhirVersion=3.0",
    ],
)
async def test_what_cannot_be_given_is_406_and_still_says_why_in_json(client, accept) -> None:
    answer = await client.get("Patient/a", accept=accept)
    assert (answer.status_code, rules(answer)) == (406, ["format-not-offered"])


async def test_the_format_parameter_has_the_last_word(client) -> None:
    for name in ("json", "application/json", "application/fhir+json", "application/fhir%2Bjson"):
        answer = await client.get(f"Patient/a?_format={name}", accept="application/pdf")
        assert answer.status_code == 200
    refused = await client.get("Patient/a?_format=blah")
    assert (refused.status_code, rules(refused)) == (406, ["format-not-offered"])


async def test_a_pretty_answer_is_indented(client) -> None:
    assert b'\n  "resourceType": "Patient"' in (await client.get("Patient/a?_pretty=true")).content
    assert b"\n" not in (await client.get("Patient/a?_pretty=false")).content
    outcome = await client.get("Patient/never?_pretty=true")
    assert b'\n  "resourceType": "OperationOutcome"' in outcome.content


@pytest.mark.parametrize(
    ("content_type", "rule"),
    [
        ("text/plain", "content-type-other"),
        ("application/x-www-form-urlencoded", "content-type-other"),
        ("json", "content-type-other"),
        ("application/fhir+json; charset=windows-1251", "charset-not-utf8"),
        ("application/fhir+json; fhirVersion=3.0", "fhir-version-other"),
        ("", "content-type-other"),
    ],
)
async def test_a_body_in_another_format_is_415(client, content_type, rule) -> None:
    answer = await client.put("Patient/a", PATIENT, content_type=content_type)
    assert (answer.status_code, rules(answer)) == (415, [rule])


async def test_a_body_without_media_type_is_415(client) -> None:
    request = client.http.build_request("PUT", "http://fhir.test/fhir/Patient/a", content=b"{}")
    answer = await client.http.send(request)
    assert (answer.status_code, rules(answer)) == (415, ["content-type-missing"])


async def test_prefer_return_decides_on_the_body_of_a_write(client) -> None:
    minimal = await client.post("Patient", PATIENT, prefer="return=minimal")
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert "Location" in minimal.headers
    whole = await client.post("Patient", PATIENT, prefer="return=representation; x=y")
    assert whole.json()["active"] is True
    outcome = await client.post("Patient", PATIENT, prefer="return=OperationOutcome")
    assert (outcome.status_code, rules(outcome)) == (201, ["done"])
    unknown = await client.post("Patient", PATIENT, prefer="return=everything")
    assert unknown.json()["resourceType"] == "Patient"


async def test_an_update_with_a_minimal_answer_is_still_200_or_has_no_content(client) -> None:
    answer = await client.put("Patient/a", {**PATIENT, "active": False}, prefer="return=minimal")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["ETag"] == 'W/"2"'


async def test_every_answer_has_a_request_id_and_a_sane_one_of_the_client_is_kept(client) -> None:
    given = await client.get("Patient/a", x_request_id="abc-123")
    assert given.headers["X-Request-Id"] == "abc-123"
    for bad in ("", "a b", "x" * 65, "<script>"):
        made = (await client.get("Patient/never", x_request_id=bad)).headers["X-Request-Id"]
        assert re.fullmatch("[0-9a-f]{24}", made)


async def test_long_answers_are_packed_for_who_takes_gzip(client) -> None:
    raw = await client.http.send(
        client.http.build_request(
            "GET", "http://fhir.test/fhir/metadata", headers={"Accept-Encoding": "gzip"}
        ),
        stream=True,
    )
    packed = b"".join([part async for part in raw.aiter_raw()])
    assert raw.headers["Content-Encoding"] == "gzip"
    assert len(packed) == int(raw.headers["Content-Length"])
    plain = await client.get("metadata", accept_encoding="gzip;q=0")
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    short = await client.get("Patient/a", accept_encoding="gzip")
    assert "Content-Encoding" not in short.headers


async def test_a_packed_body_is_unpacked(client) -> None:
    body = gzip.compress(b'{"resourceType":"Patient","id":"a"}')
    answer = await client.put("Patient/a", body, content_encoding="gzip")
    assert answer.status_code == 200


async def test_answers_may_be_kept_by_nobody_else_and_vary_by_what_decides(client) -> None:
    answer = await client.get("Patient/a")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Accept" in answer.headers["Vary"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_language_of_messages_follows_accept_language(client) -> None:
    ukrainian = (await client.get("Patient/never", accept_language="uk-UA, en;q=0.5")).json()
    english = (await client.get("Patient/never", accept_language="de, en;q=0.5")).json()
    assert "тут немає" in ukrainian["issue"][0]["details"]["text"]
    assert "not here" in english["issue"][0]["details"]["text"]
    other = ukrainian["issue"][0]["details"]["_text"]["extension"][0]["extension"]
    assert other[1]["valueString"] == english["issue"][0]["details"]["text"]


async def test_pages_of_other_origins_may_read_answers_and_fhirs_headers(client) -> None:
    answer = await client.get("Patient/a", origin="https://app.example.org")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in (await client.get("Patient/a")).headers


async def test_a_preflight_is_answered_without_asking_any_interaction(client) -> None:
    answer = await client.send(
        "OPTIONS",
        "Patient/a",
        headers={"Origin": "https://app.example.org", "Access-Control-Request-Method": "PUT"},
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert "If-Match" in answer.headers["Access-Control-Allow-Headers"]


async def test_options_tells_what_is_possible_at_a_url(client) -> None:
    answer = await client.send("OPTIONS", "Patient/a")
    assert answer.status_code == 204
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
