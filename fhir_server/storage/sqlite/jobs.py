"""Jobs in SQLite: a table of its own, written over a connection and a thread of its own.

Jobs are few and may wait, so they stay out of the way of the commits; the connection is opened
with the first one.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from datetime import datetime, timedelta
from typing import Any, TypeVar

from fhir_server.storage.job import Job, JobEnd
from fhir_server.storage.sqlite.connection import connect, translated
from fhir_server.storage.sqlite.versions import EPOCH, microseconds

_TABLE = """CREATE TABLE IF NOT EXISTS job (id TEXT PRIMARY KEY, kind TEXT NOT NULL,
    state TEXT NOT NULL, owner TEXT NOT NULL, request TEXT NOT NULL, language TEXT NOT NULL,
    created INTEGER NOT NULL, touched INTEGER NOT NULL, expires INTEGER, progress TEXT NOT NULL,
    status INTEGER NOT NULL, result BLOB) WITHOUT ROWID"""
_COLUMNS = "id, kind, state, owner, request, language, created, touched, expires, progress, status"
_ADD = f"INSERT INTO job ({_COLUMNS}) VALUES ({', '.join('?' * 11)})"
_READ = f"SELECT {_COLUMNS} FROM job WHERE id = ?"
_TOUCH = "UPDATE job SET touched = ?, progress = ? WHERE id = ? AND state = 'running'"
_FINISH = """UPDATE job SET state = ?, status = ?, result = ?, expires = ?, progress = ''
    WHERE id = ? AND state = 'running'"""
_EXPIRED = "SELECT id FROM job WHERE expires <= ? OR (state = 'running' AND touched <= ?)"

Answer = TypeVar("Answer")


class SqliteJobs:
    """A `JobStore`.

    Args:
        location: A ``file:`` URI.
        lock_timeout_s: How long to wait for commits.
    """

    def __init__(self, location: str, *, lock_timeout_s: float) -> None:
        self._location = location
        self._lock_timeout_s = lock_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-jobs")

    async def add(self, job: Job) -> None:
        """See `JobStore.add`."""
        row = tuple(_stored(value) for value in astuple(job))
        await self._run(lambda connection: connection.execute(_ADD, row))

    async def read(self, job_id: str) -> Job | None:
        """See `JobStore.read`."""
        row = await self._run(lambda found: found.execute(_READ, (job_id,)).fetchone())
        return None if row is None else _job(row)

    async def result(self, job_id: str) -> bytes | None:
        """See `JobStore.result`."""
        sql = "SELECT result FROM job WHERE id = ?"
        row = await self._run(lambda found: found.execute(sql, (job_id,)).fetchone())
        return None if row is None else row[0]

    async def touch(self, progress: Mapping[str, str], at: datetime) -> Collection[str]:
        """See `JobStore.touch`."""
        now = microseconds(at)

        def update(connection: sqlite3.Connection) -> set[str]:
            return {
                job_id
                for job_id, text in progress.items()
                if connection.execute(_TOUCH, (now, text, job_id)).rowcount
            }

        return await self._run(update)

    async def finish(self, job_id: str, end: JobEnd) -> bool:
        """See `JobStore.finish`."""
        values = (end.state, end.status, end.result, microseconds(end.expires), job_id)
        return await self._run(lambda found: found.execute(_FINISH, values).rowcount > 0)

    async def remove(self, job_id: str) -> bool:
        """See `JobStore.remove`."""
        sql = "DELETE FROM job WHERE id = ?"
        return await self._run(lambda found: found.execute(sql, (job_id,)).rowcount > 0)

    async def expired(self, now: datetime, untouched_since: datetime) -> Collection[str]:
        """See `JobStore.expired`."""
        values = (microseconds(now), microseconds(untouched_since))
        rows = await self._run(lambda found: found.execute(_EXPIRED, values).fetchall())
        return tuple(row[0] for row in rows)

    def close(self) -> None:
        """Wait for what is under way, and close."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    async def _run(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)

    def _do(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with translated():
            if self._connection is None:
                opened = connect(
                    self._location, is_writer=True, lock_timeout_s=self._lock_timeout_s
                )
                opened.execute(_TABLE)
                self._connection = opened
            return work(self._connection)


def _stored(value: Any) -> Any:
    return microseconds(value) if isinstance(value, datetime) else value


def _instant(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


def _job(row: tuple[Any, ...]) -> Job:
    return Job(
        job_id=row[0],
        kind=row[1],
        state=row[2],
        owner=row[3],
        request=row[4],
        language=row[5],
        created=_instant(row[6]),
        touched=_instant(row[7]),
        expires=None if row[8] is None else _instant(row[8]),
        progress=row[9],
        status=row[10],
    )
