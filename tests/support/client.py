"""The whole server in process: real definitions, SQLite in memory, no socket.

The client is httpx over ASGITransport, so a test sees exactly what a client would see on the wire.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx

from fhir_server.app import Application
from fhir_server.definitions import Registry, load_registry
from fhir_server.model import JsonObject, LogicalId
from fhir_server.settings import Settings

BASE_URL = "http://fhir.test/fhir"
FHIR_JSON = "application/fhir+json"
START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
SETTINGS = Settings(store="sqlite:///:memory:", base_url=BASE_URL, language="en")


@cache
def registry() -> Registry:
    """The definitions, loaded once a test process."""
    return load_registry()


class SteppingClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Go on by so many ``seconds``, ``minutes`` …"""
        self.now += timedelta(**by)


def counting_ids() -> Callable[[], LogicalId]:
    """Ids ``made-1``, ``made-2`` …, in the order they are asked for."""
    made = 0

    def new_id() -> LogicalId:
        nonlocal made
        made += 1
        return LogicalId(f"made-{made}")

    return new_id


class FhirClient:
    """An httpx client that speaks FHIR: JSON bodies, paths below the base."""

    def __init__(self, http: httpx.AsyncClient, clock: SteppingClock) -> None:
        self.http = http
        self.clock = clock

    async def send(
        self,
        method: str,
        path: str = "",
        body: JsonObject | list[Any] | bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request; a dict or list is sent as FHIR's JSON."""
        sent = dict(headers or {})
        content: bytes | str | None = None
        if isinstance(body, bytes | str):
            content = body
        elif body is not None:
            content = json_text(body)
        if content is not None and not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = FHIR_JSON
        url = path if path.startswith("http") else f"{BASE_URL}/{path}" if path else BASE_URL
        return await self.http.request(method, url, content=content, headers=sent)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Read or search."""
        return await self.send("GET", path, headers=_named(headers))

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Create, or call an operation."""
        return await self.send("POST", path, body, _named(headers))

    async def put(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Update."""
        return await self.send("PUT", path, body, _named(headers))

    async def patch(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Patch."""
        return await self.send("PATCH", path, body, _named(headers))

    async def delete(self, path: str, **headers: str) -> httpx.Response:
        """Delete."""
        return await self.send("DELETE", path, headers=_named(headers))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    """``if_match`` is ``If-Match``."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def json_text(value: Any) -> bytes:
    """A value as JSON, decimals to the digit."""
    from fhir_server.model import encode

    return encode(value)


@asynccontextmanager
async def running(settings: Settings | None = None, **changes: Any) -> AsyncIterator[FhirClient]:
    """Start a server in this process and stop it afterwards.

    Args:
        settings: Instead of an empty store with default settings.
        **changes: Settings to change, such as ``validation=…``.
    """
    clock = SteppingClock()
    app = Application(
        replace(settings or SETTINGS, **changes),
        registry=registry(),
        clock=clock,
        new_id=counting_ids(),
    )
    await app.start()
    try:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport) as http:
            yield FhirClient(http, clock)
    finally:
        await app.stop()


def rules(response: httpx.Response) -> list[str]:
    """The rule ids of an OperationOutcome's issues."""
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome", outcome
    return [issue["details"]["coding"][0]["code"] for issue in outcome["issue"]]
