"""Reading: on the event loop while it is short, on a thread when it is not.

A read by id costs 5 µs where it stands and 60 µs over a thread; what proves long is stopped after
about a millisecond and starts anew on a thread, so that the loop is not held for longer. Figures
are in docs/decisions/0060-sqlite-on-the-event-loop.md.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fhir_server.model import Unavailable
from fhir_server.storage.sqlite.connection import (
    TimeLimit,
    connect,
    never_wait,
    too_slow,
    translated,
)

INLINE_STEPS = 20_000
"""Steps of SQLite's machine (about 1 ms) that one answer may take on the event loop."""
INLINE_LOOKS = 4
"""SQLite counts a statement's steps on from run to run, so that the first look may come at once."""
PROGRESS_STEPS = 100_000
"""Steps between looks at the clock on a thread."""

Answer = TypeVar("Answer")
Question = Callable[[sqlite3.Connection], Answer]


class Readers:
    """One connection for the event loop, one for each thread.

    Args:
        location: A ``file:`` URI.
        time_limit_s: How long an answer may take.
        lock_timeout_s: How long a thread waits for locks of others.
        threads: How many threads there are for long answers.
    """

    def __init__(
        self, location: str, *, time_limit_s: float, lock_timeout_s: float, threads: int
    ) -> None:
        self._location = location
        self._time_limit_s = time_limit_s
        self._lock_timeout_s = lock_timeout_s
        self._inline = self._connect()
        never_wait(self._inline)
        self._local = threading.local()
        self._opened = [self._inline]
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sqlite-read")

    async def quick(self, question: Question[Answer]) -> Answer:
        """Answer with one statement of a few steps."""
        try:
            with translated():
                return question(self._inline)
        except Unavailable:
            return await self._elsewhere(question)

    async def run(self, question: Question[Answer]) -> Answer:
        """Answer with several statements, all of one moment.

        Raises:
            TooCostly: It took longer than the limit.
            Unavailable: The database cannot be used.
        """
        looks = 0

        def is_over() -> bool:
            nonlocal looks
            looks += 1
            return looks > INLINE_LOOKS

        try:
            return _within(self._inline, question, is_over, INLINE_STEPS // INLINE_LOOKS)
        except (TimeLimit, Unavailable):
            return await self._elsewhere(question)

    def close(self) -> None:
        """Wait for the threads and close all connections."""
        self._threads.shutdown()
        for connection in self._opened:
            connection.close()

    async def _elsewhere(self, question: Question[Answer]) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._on_thread, question)

    def _on_thread(self, question: Question[Answer]) -> Answer:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._opened.append(connection)
        deadline = time.monotonic() + self._time_limit_s
        try:
            return _within(
                connection, question, lambda: time.monotonic() > deadline, PROGRESS_STEPS
            )
        except TimeLimit as error:
            raise too_slow(self._time_limit_s) from error

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._location, is_writer=False, lock_timeout_s=self._lock_timeout_s)
        connection.execute("PRAGMA query_only = ON")
        return connection


def _within(
    connection: sqlite3.Connection,
    question: Question[Answer],
    is_over: Callable[[], bool],
    steps: int,
) -> Answer:
    """Answer inside one read transaction; ``is_over`` is asked every so many steps."""
    with translated():
        connection.set_progress_handler(is_over, steps)
        try:
            connection.execute("BEGIN")
            return question(connection)
        finally:
            connection.set_progress_handler(None, 0)
            if connection.in_transaction:
                connection.execute("COMMIT")
