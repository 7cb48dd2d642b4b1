"""Bad input: each a 4xx with a clear OperationOutcome and a request id, and nothing stored.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import gzip
from dataclasses import replace

import pytest

from tests.support.client import SETTINGS, rules, running

pytestmark = [pytest.mark.anyio, pytest.mark.spec("http.html#Status-Codes")]


async def nothing_is_stored(client) -> bool:
    return (await client.get("_history?_count=0")).json()["total"] == 0


DEEP = b'[{"extension":' * 60 + b"[]" + b"}]" * 60


def patient(rest: bytes) -> bytes:
    return b'{"resourceType":"Patient",' + rest + b"}"


def measured(value: bytes) -> bytes:
    return b'{"resourceType":"Observation","valueQuantity":{"value":' + value + b"}}"


BODIES = {
    "malformed": (patient(b""), 400, "json-syntax"),
    "cut off": (b'{"resourceType":"Patient"', 400, "json-syntax"),
    "no object": (b"[]", 400, "json-not-object"),
    "duplicate key": (patient(b'"active":true,"active":false'), 400, "json-duplicate-key"),
    "NaN": (measured(b"NaN"), 400, "json-not-a-number"),
    "Infinity": (measured(b"-Infinity"), 400, "json-not-a-number"),
    "number bomb": (measured(b"1e1000000"), 400, "json-number-too-long"),
    "not UTF-8": (patient(b'"name":[{"text":"\xff"}]'), 400, "json-not-utf8"),
    "byte order mark": (b"\xef\xbb\xbf{}", 400, "json-byte-order-mark"),
    "lone surrogate": (patient(b'"name":[{"text":"\\ud800"}]'), 400, "json-lone-surrogate"),
    "NUL": (patient(b'"name":[{"text":"a\\u0000"}]'), 400, "json-nul"),
    "too deep": (patient(b'"extension":' + DEEP), 400, "json-too-deep"),
    "unknown element": (patient(b'"colour":"red"'), 422, None),
    "string for boolean": (patient(b'"active":"true"'), 422, None),
    "impossible date": (patient(b'"birthDate":"2001-02-31"'), 422, None),
    "code of no value set": (patient(b'"gender":"blue"'), 422, None),
    "unknown profile": (patient(b'"meta":{"profile":["http://example.org/none"]}'), 422, None),
    "null": (patient(b'"active":null'), 422, None),
    "empty array": (patient(b'"name":[]'), 422, None),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body_is_refused(client, name) -> None:
    body, status, rule = BODIES[name]
    answer = await client.post("Observation" if b"Observation" in body else "Patient", body)
    assert answer.status_code == status
    assert rule is None or rules(answer) == [rule]
    issue = answer.json()["issue"][0]
    assert issue["severity"] in {"fatal", "error"}
    assert answer.headers["X-Request-Id"]
    assert await nothing_is_stored(client)


async def test_broken_json_is_told_with_line_and_column(client) -> None:
    answer = await client.post("Patient", b'{\n  "resourceType": "Patient",\n  active: true\n}')
    extensions = answer.json()["issue"][0]["extension"]
    values = [e["valueInteger"] for e in extensions if "valueInteger" in e]
    assert values == [3, 3]


@pytest.mark.parametrize(
    ("path", "status", "rule"),
    [
        ("Unicorn", 404, "unknown-type"),
        ("patient", 404, "unknown-type-near"),
        ("Pateint/a", 404, "unknown-type-near"),
        ("Patient/a/b", 404, "unknown-path"),
        ("Patient/a/_history/1/x", 404, "unknown-path"),
        ("Patient/$nothing", 404, "operation-unknown"),
        ("$validat", 404, "operation-unknown"),
        ("$validate", 404, "operation-not-here"),
        ("Patient/$expand", 404, "operation-not-here"),
        ("Patient?_count=-1", 400, None),
        ("Patient?_count=x", 400, None),
        ("Patient?birthdate=yesterday", 400, None),
        ("Patient?colour=red", 400, None),
        ("Patient?name=%ff", 400, "query-not-utf8"),
        ("Patient/a?_summary=x", 404, "not-found"),
    ],
)
async def test_a_bad_url_is_refused(client, path, status, rule) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert rule is None or rules(answer) == [rule]
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_the_nearest_type_is_suggested(client) -> None:
    issue = (await client.get("patients")).json()["issue"][0]
    assert "'Patient'" in issue["diagnostics"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "metadata", "GET, HEAD, OPTIONS"),
        ("PUT", "", "GET, HEAD, OPTIONS, POST"),
        ("POST", "Patient/a", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("DELETE", "Patient/a/_history/1", "GET, HEAD, OPTIONS"),
        ("GET", "Patient/_search", "OPTIONS, POST"),
        ("PURGE", "Patient/a", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("GET", "Patient/a/$meta-add", "OPTIONS, POST"),
    ],
)
async def test_a_method_that_does_not_fit_is_405_with_allow(client, method, path, allowed) -> None:
    answer = await client.send(method, path)
    assert (answer.status_code, rules(answer)) == (405, ["method-not-allowed"])
    assert answer.headers["Allow"] == allowed


async def test_a_resource_over_the_limit_is_413() -> None:
    limits = replace(SETTINGS.http, max_resource_bytes=1000, max_bundle_bytes=2000)
    async with running(http=limits) as client:
        long = {"resourceType": "Patient", "name": [{"text": "x" * 1000}]}
        answer = await client.post("Patient", long)
        assert (answer.status_code, rules(answer)) == (413, ["body-too-large"])
        bundle = {"resourceType": "Bundle", "type": "collection", "id": "x" * 1000}
        assert (await client.post("", bundle)).status_code == 400
        assert (await client.post("", {**bundle, "id": "x" * 2000})).status_code == 413
        assert await nothing_is_stored(client)


async def test_a_body_without_declared_length_is_counted_too() -> None:
    limits = replace(SETTINGS.http, max_resource_bytes=1000)
    async with running(http=limits) as client:

        async def parts():
            for _ in range(100):
                yield b"x" * 100

        url = "http://fhir.test/fhir/Patient"
        answer = await client.http.post(
            url, content=parts(), headers={"Content-Type": "application/fhir+json"}
        )
        assert (answer.status_code, rules(answer)) == (413, ["body-too-large"])  # fmt: skip


async def test_a_zip_bomb_is_413_without_being_unpacked(client) -> None:
    answer = await client.post("Patient", gzip.compress(b" " * 50_000_000), content_encoding="gzip")
    assert (answer.status_code, rules(answer)) == (413, ["body-too-large"])


@pytest.mark.parametrize(
    ("body", "encoding", "rule"),
    [
        (b"{}", "br", "content-encoding-other"),
        (b"{}", "gzip, gzip", "content-encoding-other"),
        (b"{}", "gzip", "content-encoding-broken"),
        (gzip.compress(b"{}", mtime=0)[:-4], "gzip", "content-encoding-broken"),
        (gzip.compress(b"{}", mtime=0) + b"x", "gzip", "content-encoding-broken"),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_refused(client, body, encoding, rule) -> None:
    answer = await client.post("Patient", body, content_encoding=encoding)
    assert answer.status_code in {400, 415}
    assert rules(answer) == [rule]


async def test_a_forged_host_does_not_reach_the_links(client) -> None:
    answer = await client.post("Patient", {"resourceType": "Patient"}, host="evil.example")
    assert "evil" not in answer.headers["Location"]
    bundle = await client.get("Patient", host="evil.example", x_forwarded_host="evil.example")
    assert b"evil" not in bundle.content


async def test_too_many_requests_at_once_are_503_with_retry_after() -> None:
    async with running(http=replace(SETTINGS.http, max_concurrent_requests=0)) as client:
        answer = await client.get("metadata")
        assert (answer.status_code, rules(answer)) == (503, ["server-busy"])
        assert answer.headers["Retry-After"] == "1"
        assert answer.json()["issue"][0]["code"] == "throttled"
