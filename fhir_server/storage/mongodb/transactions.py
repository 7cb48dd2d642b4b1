"""Transactions: admitted a few at a time, tried again with jitter where the database says so.

Spec of the error labels: https://www.mongodb.com/docs/manual/core/transactions-in-applications/
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from fhir_server.storage.mongodb.handle import DURABLE, Handle

MAX_AT_ONCE = 8
"""More only collide more often."""
MAX_WRITES_AT_ONCE = 500
"""Eight bundles of 500 at once cost 970 µs of mongod a resource, one after the other 160."""
_PAUSE_S = 0.005
_MAX_PAUSE_S = 0.5
_TRANSIENT = "TransientTransactionError"
_UNKNOWN_COMMIT = "UnknownTransactionCommitResult"

Result = TypeVar("Result")


class Gate:
    """Admits transactions in the order they come, as long as they are few and small together."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()
        self._under_way = 0
        self._writes = 0

    @asynccontextmanager
    async def admitted(self, writes: int) -> AsyncIterator[None]:
        """Wait for room; one that is larger than all the room goes alone."""
        async with self._turn:
            while self._under_way and not self._has_room(writes):
                self._freed.clear()
                await self._freed.wait()
            self._under_way += 1
            self._writes += writes
        try:
            yield
        finally:
            self._under_way -= 1
            self._writes -= writes
            self._freed.set()

    def _has_room(self, writes: int) -> bool:
        return self._under_way < MAX_AT_ONCE and self._writes + writes <= MAX_WRITES_AT_ONCE


class Transactions:
    """Runs functions in transactions of their own."""

    def __init__(self, handle: Handle) -> None:
        self._client = handle.client
        self._patience_s = 4 * handle.timeout_ms / 1000
        self._max_commit_ms = handle.timeout_ms
        self._gate = Gate()

    async def run(
        self, attempt: Callable[[AsyncClientSession], Awaitable[Result]], *, writes: int
    ) -> Result:
        """Return what ``attempt`` returns, once it is durable; it may be called several times.

        ``writes`` is how many resources it writes. What ``attempt`` raises undoes everything.

        Raises:
            PyMongoError: The database could not be used; whether something was stored is not known
                where the fault came with the commit itself.
        """
        async with self._gate.admitted(writes):
            deadline = time.monotonic() + self._patience_s
            number = 0
            while True:
                number += 1
                try:
                    return await self._once(attempt, deadline)
                except PyMongoError as error:
                    if not error.has_error_label(_TRANSIENT) or time.monotonic() > deadline:
                        raise
                await pause(number)

    async def _once(
        self, attempt: Callable[[AsyncClientSession], Awaitable[Result]], deadline: float
    ) -> Result:
        async with self._client.start_session() as session:
            await session.start_transaction(
                read_concern=ReadConcern("snapshot"),
                write_concern=DURABLE,
                read_preference=ReadPreference.PRIMARY,
                max_commit_time_ms=self._max_commit_ms,
            )
            try:
                result = await attempt(session)
            except BaseException:
                await session.abort_transaction()
                raise
            await self._commit(session, deadline)
            return result

    async def _commit(self, session: AsyncClientSession, deadline: float) -> None:
        number = 0
        while True:
            number += 1
            try:
                await session.commit_transaction()
            except PyMongoError as error:
                if not error.has_error_label(_UNKNOWN_COMMIT) or time.monotonic() > deadline:
                    raise
            else:
                return
            await pause(number)


async def pause(number: int) -> None:
    """Wait before attempt ``number`` + 1, longer each time, never as long as others do."""
    ceiling = min(_MAX_PAUSE_S, _PAUSE_S * 2**number)
    await asyncio.sleep(random.uniform(0, ceiling))  # noqa: S311 # jitter
