"""What operators ask: health, metrics, status."""

import pytest

pytestmark = pytest.mark.anyio


async def test_a_started_server_is_alive_and_ready(client) -> None:
    assert (await client.http.get("http://fhir.test/healthz/live")).text == "ok"
    ready = await client.http.get("http://fhir.test/healthz/ready")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)


async def test_the_status_says_what_runs_on_what(client) -> None:
    status = (await client.http.get("http://fhir.test/status")).json()
    assert status["fhir"] == "http://fhir.test/fhir"
    assert "SQLite" in status["store"]["description"]


async def test_metrics_count_requests_and_name_no_patient(client) -> None:
    await client.get("Patient?family=Шевченко")
    metrics = (await client.http.get("http://fhir.test/metrics")).text
    assert 'fhir_requests_total{method="GET",status="200"} 1.0' in metrics
    assert "%D0" not in metrics


async def test_nothing_else_is_there(client) -> None:
    assert (await client.http.get("http://fhir.test/other")).status_code == 404
    assert (await client.http.get("http://fhir.test/fhirish")).status_code == 404
