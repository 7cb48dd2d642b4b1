"""A server of its own for each test: it starts in 3 ms once the definitions are loaded."""

from collections.abc import AsyncIterator

import pytest

from tests.support.client import FhirClient, running


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client() -> AsyncIterator[FhirClient]:
    async with running() as started:
        yield started
