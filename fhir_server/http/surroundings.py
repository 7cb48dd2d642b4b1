"""What surrounds the FHIR API: health, metrics and status, for operators and their tools."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from fhir_server import __version__
from fhir_server.storage import StoreHealth

if TYPE_CHECKING:
    from fastapi import FastAPI

HealthCheck = Callable[[], Awaitable[StoreHealth]]
DefinitionStatus = Callable[[], Mapping[str, object]]


def surroundings(
    health: HealthCheck,
    metrics: CollectorRegistry,
    base_url: str,
    definitions: DefinitionStatus,
) -> "FastAPI":
    """Return the application for everything outside of the FHIR base.

    The framework is imported here: it takes 0.2 s, which the first FHIR request need not wait for.

    Args:
        health: Asks the store.
        metrics: What ``/metrics`` publishes.
        base_url: Of the FHIR API, for ``/status``.
        definitions: Says which packages are loaded and how the last edit of one went.
    """
    from fastapi import FastAPI, Response
    from fastapi.responses import JSONResponse, PlainTextResponse

    app = FastAPI(title="fhir-server", version=__version__, docs_url=None, redoc_url=None)

    @app.get("/healthz/live")
    async def live() -> PlainTextResponse:
        """Say that the process answers."""
        return PlainTextResponse("ok")

    @app.get("/healthz/ready")
    async def ready() -> JSONResponse:
        """Say whether requests can be served: 200 or 503."""
        found = await health()
        return JSONResponse(_readiness(found), status_code=200 if found.is_ready else 503)

    @app.get("/status")
    async def status() -> JSONResponse:
        """Say what is running and how its store is."""
        found = await health()
        return JSONResponse(
            {
                "name": "fhir-server",
                "version": __version__,
                "fhir": base_url,
                "store": _readiness(found),
                "definitions": dict(definitions()),
            }
        )

    @app.get("/metrics")
    async def published() -> Response:
        """Publish the numbers for Prometheus."""
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return app


def _readiness(health: StoreHealth) -> dict[str, object]:
    return {
        "ready": health.is_ready,
        "description": health.description,
        "notes": list(health.notes),
    }
