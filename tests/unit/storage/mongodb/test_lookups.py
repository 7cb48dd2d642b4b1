"""Reads that wait together: each gets an answer, however they meet."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from fhir_server.storage.mongodb.lookups import Lookups

pytestmark = pytest.mark.anyio
PATIENCE_S = 5


class Answering(Lookups):
    """Finds at once, under any key, or fails at once."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(SimpleNamespace(resources=None, timeout_ms=1))  # type: ignore[arg-type] # enough of one
        self.error = error
        self.asked: list[list[str]] = []

    async def several(self, identities: Any, session: Any = None) -> list[dict[str, Any]]:
        self.asked.append(list(identities))
        if self.error is not None:
            raise self.error
        return [{"_id": identity, "v": 1, "c": 1} for identity in identities]


async def test_a_read_that_follows_another_at_once_is_answered_too() -> None:
    lookups = Answering()

    async def read(name: str) -> None:
        for number in range(50):
            identity = f"Patient/{name}{number}"
            assert (await lookups.one(identity) or {})["_id"] == identity

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(read("a"), read("b"), read("c"))


async def test_reads_that_wait_together_are_asked_together() -> None:
    lookups = Answering()
    await asyncio.gather(*(lookups.one(name) for name in ("a", "b", "a")))
    assert lookups.asked == [["a", "b"]]


async def test_any_failure_reaches_all_who_wait_and_the_next_is_asked_anew() -> None:
    lookups = Answering(ValueError("no BSON"))
    async with asyncio.timeout(PATIENCE_S):
        found = await asyncio.gather(lookups.one("a"), lookups.one("b"), return_exceptions=True)
        assert [type(one) for one in found] == [ValueError, ValueError]
        lookups.error = None
        assert await lookups.one("a") is not None
