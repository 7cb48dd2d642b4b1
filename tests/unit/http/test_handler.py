"""What no well-behaved client can provoke: server errors, lost clients, late bodies."""

import asyncio
import json

import pytest
import structlog
from prometheus_client import CollectorRegistry

from fhir_server.http import FhirHandler, HttpMetrics, HttpOptions
from fhir_server.http.codec import JSON_CODEC
from fhir_server.interaction import Response
from fhir_server.model import Unavailable

PATIENT_NAME = "Шевченко"


def call(dispatch, *messages, method="POST", headers=(), **options):
    """Run one request through the handler; return status, headers and body, and what was logged."""
    sent: list[dict] = []
    registry = CollectorRegistry()

    async def receive():
        await asyncio.sleep(0)
        return waiting.pop(0) if waiting else await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    waiting = list(messages)
    options = HttpOptions(base_url="http://x/fhir", **options)
    handler = FhirHandler(dispatch, options, HttpMetrics(registry), {"json": JSON_CODEC})
    scope = {
        "method": method,
        "path": "/fhir/Patient",
        "query_string": b"",
        "headers": [(b"content-type", b"application/fhir+json"), *headers],
    }
    with structlog.testing.capture_logs() as logs:
        asyncio.run(handler(scope, receive, send))
    if not sent:
        return None, registry, logs
    answer = (sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"])
    return answer, registry, logs


BODY = json.dumps({"resourceType": "Patient", "name": [{"family": PATIENT_NAME}]}).encode()
POSTED = {"type": "http.request", "body": BODY, "more_body": False}
LENGTH = (b"content-length", str(len(BODY)).encode())


async def fails(request):
    raise RuntimeError(f"cannot handle {request.resource}")


async def is_down(request):
    raise Unavailable.of("server-busy")


async def fine(request):
    return Response(status=200, body=request.body)


def test_an_unexpected_error_is_500_and_shows_nothing_but_the_request_id() -> None:
    (status, headers, body), _, logs = call(fails, POSTED, headers=[LENGTH])
    assert status == 500
    outcome = json.loads(body)
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == "unexpected-error"
    request_id = headers[b"x-request-id"].decode()
    assert request_id in outcome["issue"][0]["diagnostics"]
    assert b"RuntimeError" not in body
    assert PATIENT_NAME.encode() not in body
    assert logs[0]["request_id"] == request_id
    assert logs[0]["kind"] == "RuntimeError"


def test_a_refusal_by_the_store_is_logged_without_content() -> None:
    (status, _, _), _, logs = call(is_down, POSTED, headers=[LENGTH])
    assert status == 503
    assert logs[0]["event"] == "refused"
    assert PATIENT_NAME not in str(logs)


def test_a_body_in_parts_is_put_together() -> None:
    parts = [
        {"type": "http.request", "body": BODY[:9], "more_body": True},
        {"type": "http.request", "body": BODY[9:], "more_body": False},
    ]
    (status, _, body), _, _ = call(fine, *parts, headers=[(b"transfer-encoding", b"chunked")])
    assert (status, body) == (200, BODY)


def test_a_body_that_never_comes_is_408() -> None:
    (status, headers, body), _, _ = call(fine, headers=[LENGTH], body_timeout_s=0.05)
    assert status == 408
    assert b"body-timeout" in body
    assert headers[b"connection"] == b"close"


def test_a_client_that_goes_away_gets_no_answer() -> None:
    answer, _, _ = call(fine, {"type": "http.disconnect"}, headers=[LENGTH])
    assert answer is None


def test_an_access_log_has_no_address_and_no_content() -> None:
    _, _, logs = call(fine, POSTED, headers=[LENGTH], is_access_logged=True)
    (entry,) = logs
    assert set(entry) == {"event", "log_level", "request_id", "method", "status", "ms"}


def test_answers_are_counted_by_method_and_status() -> None:
    _, registry, _ = call(fine, POSTED, headers=[LENGTH])
    labels = {"method": "POST", "status": "200"}
    assert registry.get_sample_value("fhir_requests_total", labels) == 1
    assert registry.get_sample_value("fhir_request_seconds_count", {"method": "POST"}) == 1
    _, registry, _ = call(fine, method="PURGE")
    assert registry.get_sample_value("fhir_request_seconds_count", {"method": "other"}) == 1


@pytest.mark.parametrize("origins", [(), ("https://other.example",)])
def test_origins_that_are_not_allowed_get_no_cors_headers(origins) -> None:
    origin = (b"origin", b"https://app.example")
    (_, headers, _), _, _ = call(fine, POSTED, headers=[LENGTH, origin], cors_origins=origins)
    assert b"access-control-allow-origin" not in headers
    preflight = (b"access-control-request-method", b"GET")
    (_, headers, _), _, _ = call(
        fine, method="OPTIONS", headers=[origin, preflight], cors_origins=origins
    )
    assert b"access-control-allow-methods" not in headers  # fmt: skip


def test_an_allowed_origin_is_named() -> None:
    origin = (b"origin", b"https://app.example")
    allowed = ("https://app.example",)
    (_, headers, _), _, _ = call(fine, POSTED, headers=[LENGTH, origin], cors_origins=allowed)
    assert headers[b"access-control-allow-origin"] == b"https://app.example"


def test_a_large_answer_is_packed_off_the_event_loop() -> None:
    async def large(request):
        return Response(status=200, body={"resourceType": "Basic", "x": "y" * 300_000})

    (_, headers, body), _, _ = call(large, POSTED, headers=[LENGTH, (b"accept-encoding", b"gzip")])
    assert headers[b"content-encoding"] == b"gzip"
    assert len(body) < 2000
