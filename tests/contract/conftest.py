"""The stores that must keep the contract: one line each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_server.storage import ResourceStore
from fhir_server.storage.sqlite import open_sqlite
from tests.support.mongo_store import database_url, empty_store

StoreFactory = Callable[[Path], Awaitable[ResourceStore]]
"""Opens an empty store; the folder is its own."""

STORES: dict[str, StoreFactory] = {
    "sqlite-memory": lambda folder: open_sqlite(":memory:"),
    "sqlite-file": lambda folder: open_sqlite(folder / "store.sqlite"),
}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=[*STORES, "mongodb"])
def open_store(request: Any) -> StoreFactory:
    if request.param == "mongodb":
        url = request.getfixturevalue("mongodb_url")
        return lambda folder: empty_store(url)
    return STORES[request.param]


@pytest.fixture
async def store(open_store: StoreFactory, tmp_path: Path) -> AsyncIterator[ResourceStore]:
    opened = await open_store(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", "mongodb"])
async def shared(request: Any, tmp_path: Path) -> str:
    """The name of an empty store that several processes can open."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shared.sqlite'}"
    url = request.getfixturevalue("mongodb_url")
    await (await empty_store(url)).close()
    return database_url(url)
