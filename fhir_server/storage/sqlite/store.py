"""The store on one SQLite file: reading in ``readers.py``, writing in ``commit.py``."""

import asyncio
import re
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fhir_server.model import FhirError, LogicalId, ResourceType, Unavailable, VersionId, issue
from fhir_server.search import IndexValues, SearchQuery
from fhir_server.storage.sqlite import feed, notes
from fhir_server.storage.sqlite.commit import Committer
from fhir_server.storage.sqlite.connection import RETRY_AFTER, connect, never_wait, prepare_file
from fhir_server.storage.sqlite.dictionary import Dictionary
from fhir_server.storage.sqlite.jobs import SqliteJobs
from fhir_server.storage.sqlite.purging import Removal, candidates
from fhir_server.storage.sqlite.readers import Readers
from fhir_server.storage.sqlite.search import Searcher
from fhir_server.storage.sqlite.versions import VersionReader
from fhir_server.storage.store import (
    ChangeBatch,
    ChangesLost,
    ExplainedStep,
    HistoryPage,
    HistoryQuery,
    Purge,
    SearchPage,
    StoredVersion,
    StoreHealth,
    Write,
)

SWITCH_INTERVAL_S = 0.0001
"""How long a thread waits for the interpreter lock before it insists. At Python's own 5 ms a COMMIT
that comes back beside a busy loop waits for a second and more: 82 against 1,395 writes a second."""

MAX_CHANGES = 500
CHANGES_PAUSE_S = 0.25
"""Between looks at what other processes have committed; a look takes 10 µs."""

PURGED_TOGETHER = 200
"""Resources whose versions are removed in one commit."""

Answer = TypeVar("Answer")


class SqliteStore:
    """A `ResourceStore`; made by `open_sqlite`, used from one event loop.

    Args:
        location: A ``file:`` URI.
        is_memory: Whether it lives in memory: no threads then commit.
        search_timeout_s: How long a search may take.
        lock_timeout_s: How long to wait for other processes.
        readers: Threads for long reads.
    """

    def __init__(
        self,
        location: str,
        *,
        is_memory: bool,
        search_timeout_s: float,
        lock_timeout_s: float,
        readers: int,
    ) -> None:
        self._dictionary = Dictionary()
        self._versions = VersionReader(self._dictionary)
        self._searcher = Searcher(self._dictionary)
        self._writer = connect(location, is_writer=True, lock_timeout_s=lock_timeout_s)
        prepare_file(self._writer, is_memory=is_memory, lock_timeout_s=lock_timeout_s)
        if not is_memory:  # there a COMMIT must wait for long readers
            never_wait(self._writer)
        self._readers = Readers(
            location,
            time_limit_s=search_timeout_s,
            lock_timeout_s=lock_timeout_s,
            threads=readers,
        )
        self.jobs = SqliteJobs(location, lock_timeout_s=lock_timeout_s)
        self._commits = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._is_closed = False
        self._committer = Committer(
            self._writer,
            executor=None if is_memory else self._commits,
            lock_timeout_s=lock_timeout_s,
        )
        if sys.getswitchinterval() > SWITCH_INTERVAL_S:
            sys.setswitchinterval(SWITCH_INTERVAL_S)

    async def read(
        self, resource_type: ResourceType, logical_id: LogicalId
    ) -> StoredVersion | None:
        """See `ResourceStore.read`."""
        self._check_open()
        return await self._readers.quick(
            lambda connection: self._versions.read(connection, resource_type, logical_id)
        )

    async def read_many(
        self, keys: Sequence[tuple[ResourceType, LogicalId]]
    ) -> dict[tuple[ResourceType, LogicalId], StoredVersion]:
        """See `ResourceStore.read_many`; all are of one moment."""

        def read_all(
            connection: sqlite3.Connection,
        ) -> dict[tuple[ResourceType, LogicalId], StoredVersion]:
            found = ((key, self._versions.read(connection, *key)) for key in keys)
            return {key: version for key, version in found if version is not None}

        return await self._run(read_all)

    async def vread(
        self, resource_type: ResourceType, logical_id: LogicalId, version_id: VersionId
    ) -> StoredVersion | None:
        """See `ResourceStore.vread`."""
        self._check_open()
        return await self._readers.quick(
            lambda connection: self._versions.vread(
                connection, resource_type, logical_id, version_id
            )
        )

    async def commit(self, writes: Sequence[Write]) -> None:
        """See `ResourceStore.commit`."""
        self._check_open()
        await self._committer.commit(writes)

    async def reindex(self, found: Sequence[tuple[StoredVersion, IndexValues]]) -> None:
        """See `ResourceStore.reindex`."""
        self._check_open()
        await self._committer.reindex(found)

    async def purge(self, asked: Purge) -> int:
        """See `ResourceStore.purge`; resources go in groups, each in a commit of its own."""
        removal, after = Removal(left=asked.limit), 0
        while True:
            place = after
            found, more = await self._run(
                lambda connection: candidates(connection, self._dictionary, asked, place)  # noqa: B023 # awaited here
            )
            for start in range(0, len(found), PURGED_TOGETHER):
                if removal.left > 0:
                    group = found[start : start + PURGED_TOGETHER]
                    await self._committer.purge(asked, group, removal)
                    removal.left -= removal.count
            if more is None or removal.left <= 0:
                return asked.limit - removal.left
            after = more

    async def search(self, query: SearchQuery) -> SearchPage:
        """See `ResourceStore.search`."""
        return await self._run(lambda connection: self._searcher.search(connection, query))

    async def explain(self, query: SearchQuery) -> tuple[ExplainedStep, ...]:
        """See `ResourceStore.explain`."""
        return await self._run(lambda connection: self._searcher.explain(connection, query))

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `ResourceStore.history`."""
        return await self._run(lambda connection: self._versions.history(connection, query))

    async def changes(
        self, resource_types: Collection[str] = (), after: str | None = None
    ) -> AsyncIterator[ChangeBatch]:
        """See `ResourceStore.changes`."""
        if after is not None and re.fullmatch("[0-9]{1,18}", after) is None:
            raise ChangesLost
        place = await self._run(feed.newest) if after is None else int(after)

        def look(connection: sqlite3.Connection) -> ChangeBatch:
            return feed.changes_after(
                connection, self._dictionary, place, resource_types, MAX_CHANGES
            )

        while True:
            batch = await self._run(look)
            yield batch
            if int(batch.token) - place < MAX_CHANGES:
                await asyncio.sleep(CHANGES_PAUSE_S)
            place = int(batch.token)

    async def notes(self, prefix: str) -> dict[str, bytes]:
        """See `ResourceStore.notes`."""
        return await self._run(lambda connection: notes.read(connection, prefix))

    async def note(self, name: str, value: bytes | None) -> None:
        """See `ResourceStore.note`."""
        self._check_open()
        await self._committer.note(name, value)

    async def shared_key(self) -> bytes:
        """See `ResourceStore.shared_key`; made with the tables."""

        def read(connection: sqlite3.Connection) -> bytes:
            found = connection.execute("SELECT value FROM meta WHERE name = 'shared_key'")
            return bytes(found.fetchone()[0])

        return await self._run(read)

    async def health(self) -> StoreHealth:
        """See `ResourceStore.health`."""
        description = f"SQLite {sqlite3.sqlite_version}"
        if self._is_closed:
            return StoreHealth(is_ready=False, description=description, notes=("closed",))
        try:
            await self._readers.quick(
                lambda connection: connection.execute("SELECT 1 FROM term").fetchone()
            )
        except (FhirError, sqlite3.Error) as error:
            return StoreHealth(is_ready=False, description=description, notes=(str(error),))
        return StoreHealth(is_ready=True, description=description)

    async def close(self) -> None:
        """See `ResourceStore.close`."""
        if self._is_closed:
            return
        self._is_closed = True
        await self._committer.finish()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._shut)

    def _shut(self) -> None:
        self._readers.close()
        self._commits.shutdown()
        self.jobs.close()
        self._writer.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unavailable((issue("store-closed"),), RETRY_AFTER)

    async def _run(self, answer: Callable[[sqlite3.Connection], Answer]) -> Answer:
        self._check_open()
        return await self._readers.run(answer)
