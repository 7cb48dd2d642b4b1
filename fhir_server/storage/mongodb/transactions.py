"""Transactions: admitted a few at a time, tried again with jitter where the database says so.

Spec of the error labels: https://www.mongodb.com/docs/manual/core/transactions-in-applications/
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from fhir_server.storage.mongodb.handle import DURABLE, Handle

MAX_AT_ONCE = 8
"""More only collide more often (admission gate)."""
_PAUSE_S = 0.005
_MAX_PAUSE_S = 0.5
_TRANSIENT = "TransientTransactionError"
_UNKNOWN_COMMIT = "UnknownTransactionCommitResult"

Result = TypeVar("Result")


class Transactions:
    """Runs functions in transactions of their own."""

    def __init__(self, handle: Handle) -> None:
        self._client = handle.client
        self._patience_s = 4 * handle.timeout_ms / 1000
        self._max_commit_ms = handle.timeout_ms
        self._gate = asyncio.Semaphore(MAX_AT_ONCE)

    async def run(self, attempt: Callable[[AsyncClientSession], Awaitable[Result]]) -> Result:
        """Return what ``attempt`` returns, once it is durable; it may be called several times.

        What ``attempt`` raises undoes everything.

        Raises:
            PyMongoError: The database could not be used; whether something was stored is not known
                where the fault came with the commit itself.
        """
        async with self._gate:
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
