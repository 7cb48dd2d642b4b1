"""An empty MongoDB store for each test."""

from collections.abc import AsyncIterator

import pytest

from fhir_server.storage.mongodb import MongoStore
from tests.support.mongo_store import empty_store


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def store(mongodb_url: str) -> AsyncIterator[MongoStore]:
    opened = await empty_store(mongodb_url)
    yield opened
    await opened.close()
