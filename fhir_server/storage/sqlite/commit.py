"""Group commit: all commits that wait while one is made durable share the next transaction.

Statements run on the event loop, in slices; only ``COMMIT``, which waits for the disk, runs on a
thread. The reason is in docs/decisions/0060-sqlite-on-the-event-loop.md.
"""

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from fhir_server.model import Unavailable, issue
from fhir_server.search import IndexValues, SearchQuery
from fhir_server.storage.sqlite import notes
from fhir_server.storage.sqlite.apply import Batch, Memory
from fhir_server.storage.sqlite.connection import RETRY_AFTER, refusal
from fhir_server.storage.sqlite.dictionary import Dictionary
from fhir_server.storage.sqlite.purging import Removal
from fhir_server.storage.sqlite.search import Searcher
from fhir_server.storage.store import AlreadyExists, Purge, StaleWrite, StoredVersion, Write

SLICE_S = 0.002
"""How long the event loop is held at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    take: Callable[[Batch], Iterator[None]]
    size: int
    done: asyncio.Future[None]


class Committer:
    """Takes commits and makes them durable, many at a time.

    Args:
        connection: The one that writes.
        executor: Where ``COMMIT`` waits; None: it is quick (memory), and no other connection may
            read between two statements of a transaction.
        lock_timeout_s: How long other processes may hold the write lock.
        max_batch: Writes of one transaction, about.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        executor: Executor | None,
        lock_timeout_s: float,
        max_batch: int = 500,
    ) -> None:
        self._connection = connection
        self._memory = Memory(connection)
        self._dictionary = Dictionary()
        self._searcher = Searcher(self._dictionary)
        self._executor = executor
        self._lock_timeout_s = lock_timeout_s
        self._max_batch = max_batch
        self._waiting: list[_Request] = []
        self._task: asyncio.Task[None] | None = None

    async def commit(self, writes: Sequence[Write]) -> None:
        """Make all writes durable, or none.

        Raises:
            StaleWrite: See `ResourceStore.commit`.
            AlreadyExists: See there.
            Unavailable: See there.
        """
        if writes:
            await self._next_batch(lambda batch: batch.take(writes), len(writes))

    async def reindex(self, found: Sequence[tuple[StoredVersion, IndexValues]]) -> None:
        """Make new index values durable; see `ResourceStore.reindex`.

        Raises:
            Unavailable: See there.
        """
        if found:
            await self._next_batch(lambda batch: batch.reindex(found), len(found))

    async def purge(self, asked: Purge, resources: Sequence[int], removal: Removal) -> None:
        """Remove versions for good; see `ResourceStore.purge`.

        Raises:
            Unavailable: See there.
        """
        await self._next_batch(lambda batch: batch.purge(asked, resources, removal), len(resources))

    async def note(self, name: str, value: bytes | None) -> None:
        """Make a note durable; see `ResourceStore.note`.

        Raises:
            Unavailable: See there.
        """
        await self._next_batch(lambda _: notes.write(self._connection, name, value), 1)

    async def _next_batch(self, take: Callable[[Batch], Iterator[None]], size: int) -> None:
        loop = asyncio.get_running_loop()
        request = _Request(take=take, size=size, done=loop.create_future())
        self._waiting.append(request)
        if self._task is None:
            self._task = loop.create_task(self._run())
        await request.done

    async def finish(self) -> None:
        """Wait until nothing is under way."""
        while self._task is not None:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        await asyncio.sleep(0)  # others that are ready to commit join this batch
        try:
            while self._waiting:
                requests = self._next()
                await self._together(requests)
        finally:
            self._task = None

    def _next(self) -> list[_Request]:
        taken, size = 0, 0
        for request in self._waiting:
            if taken and size + request.size > self._max_batch:
                break
            taken, size = taken + 1, size + request.size
        requests, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return requests

    async def _together(self, requests: list[_Request]) -> None:
        """Commit them in one transaction; where one of several spoils it, each in its own."""
        try:
            outcomes = await self._transaction(requests)
        except Exception as error:  # noqa: BLE001 # must reach whoever waits, whatever it is
            if len(requests) > 1 and not isinstance(error, Unavailable):
                for request in requests:
                    await self._together([request])
                return
            outcomes = [error] * len(requests)
        for request, outcome in zip(requests, outcomes, strict=True):
            if request.done.done():
                continue  # whoever asked does not wait any more
            if outcome is None:
                request.done.set_result(None)
            else:
                request.done.set_exception(outcome)

    async def _transaction(self, requests: list[_Request]) -> list[Exception | None]:
        """Return what became of each; raise what became of all."""
        try:
            await self._begin()
            try:
                batch = Batch(self._connection, self._memory, self._is_matched)
                outcomes = [await self._take(batch, request.take) for request in requests]
                batch.flush()
                await self._commit()
            except BaseException:
                self._memory.forget()
                self._dictionary.forget()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise refusal(error) or error from error
        self._memory.trim()
        return outcomes

    def _is_matched(self, query: SearchQuery) -> bool:
        return self._searcher.is_matched(self._connection, query)

    async def _take(
        self, batch: Batch, take: Callable[[Batch], Iterator[None]]
    ) -> Exception | None:
        started = time.perf_counter()
        try:
            for _ in take(batch):
                if self._executor is not None and time.perf_counter() - started > SLICE_S:
                    batch.flush()
                    await asyncio.sleep(0)
                    started = time.perf_counter()
        except (StaleWrite, AlreadyExists) as error:
            return error
        return None

    async def _begin(self) -> None:
        """Take the write lock; another process holds it for milliseconds, seldom longer."""
        deadline = time.monotonic() + self._lock_timeout_s
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() > deadline:
                    raise Unavailable((issue("store-busy"),), RETRY_AFTER) from error
                await asyncio.sleep(random.uniform(0.0002, 0.002))  # noqa: S311 # no secret
            else:
                return

    async def _commit(self) -> None:
        if self._executor is None:
            self._connection.execute("COMMIT")
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._connection.execute, "COMMIT")
