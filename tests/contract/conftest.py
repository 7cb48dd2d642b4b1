"""The stores that must keep the contract: one line each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_server.storage import ResourceStore
from fhir_server.storage.sqlite import open_sqlite

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
        from tests.support.mongo_store import empty_store

        url = request.getfixturevalue("mongodb_url")
        return lambda folder: empty_store(url)
    return STORES[request.param]


@pytest.fixture
async def store(open_store: StoreFactory, tmp_path: Path) -> AsyncIterator[ResourceStore]:
    opened = await open_store(tmp_path)
    yield opened
    await opened.close()
