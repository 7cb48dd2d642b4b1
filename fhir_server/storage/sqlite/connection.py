"""Connections: how they are opened and tuned, and what their errors mean.

Spec of the settings: https://www.sqlite.org/pragma.html
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fhir_server.model import FhirError, TooCostly, Unavailable, issue
from fhir_server.search import distance_m
from fhir_server.storage.sqlite import schema

RETRY_AFTER = {"Retry-After": "1"}
_SETTINGS = (
    "PRAGMA foreign_keys = OFF",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = OFF",  # index rows need no overwriting: the history stays
    "PRAGMA cache_size = -16000",  # KiB a connection
    # A map of the file would make reads some 10 % cheaper and let the worker's resident memory grow
    # with the file (1.4 GB at 310,000 resources): the system's page cache serves as well.
    "PRAGMA mmap_size = 0",
)
_WRITER_SETTINGS = (
    "PRAGMA synchronous = FULL",  # NORMAL lost acknowledged commits in 260 of 400 power cuts
    "PRAGMA wal_autocheckpoint = 4000",  # pages; runs inside COMMIT, off the event loop
    "PRAGMA journal_size_limit = 67108864",
)


class TimeLimit(Exception):
    """A statement was stopped by its progress handler."""


def connect(location: str, *, is_writer: bool, lock_timeout_s: float) -> sqlite3.Connection:
    """Open one connection for use by one thread at a time.

    Args:
        location: A ``file:`` URI.
        is_writer: Whether it commits.
        lock_timeout_s: How long a statement waits for locks of others; see `never_wait`.

    Raises:
        Unavailable: The file cannot be opened.
    """
    with translated():
        connection = sqlite3.connect(
            location,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
            timeout=lock_timeout_s,
        )
        for statement in _SETTINGS:
            connection.execute(statement)
        if is_writer:
            for statement in _WRITER_SETTINGS:
                connection.execute(statement)
        connection.create_function("distance_m", 4, distance_m, deterministic=True)
    return connection


def never_wait(connection: sqlite3.Connection) -> None:
    """From now on a locked database is told at once: for connections used on the event loop."""
    connection.execute("PRAGMA busy_timeout = 0")


def prepare_file(connection: sqlite3.Connection, *, is_memory: bool, lock_timeout_s: float) -> None:
    """Make an empty file a store; leave a store as it is; blocks while others do the same.

    Raises:
        Unavailable: It is another program's file, or no database.
    """
    deadline = time.monotonic() + lock_timeout_s
    with translated():
        while True:
            try:
                _prepare(connection, is_memory=is_memory)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or (
                    time.monotonic() > deadline
                ):
                    raise
                time.sleep(0.01)  # SQLite itself does not wait for the change to WAL
            else:
                return


def _prepare(connection: sqlite3.Connection, *, is_memory: bool) -> None:
    if not schema.is_ours(connection):
        raise Unavailable.of("store-foreign")
    if not is_memory:
        connection.execute("PRAGMA journal_mode = WAL")
    schema.create(connection)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what can happen to a database into refusals; mistakes in statements stay what they are.

    Raises:
        TimeLimit: The progress handler stopped the statement.
        Unavailable: The database cannot be used now.
    """
    try:
        yield
    except sqlite3.Error as error:
        found = refusal(error)
        if found is None:
            raise
        raise found from error


def refusal(error: sqlite3.Error) -> FhirError | TimeLimit | None:
    """Say what an error of SQLite means to whoever asked; None: it is a mistake of ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        return TimeLimit()
    rule = _RULES.get(code)
    return None if rule is None else Unavailable((issue(rule),), RETRY_AFTER)


_RULES = {
    sqlite3.SQLITE_BUSY: "store-busy",
    sqlite3.SQLITE_LOCKED: "store-busy",
    sqlite3.SQLITE_PROTOCOL: "store-busy",
    sqlite3.SQLITE_FULL: "store-full",
    sqlite3.SQLITE_READONLY: "store-full",
    sqlite3.SQLITE_NOTADB: "store-foreign",
    sqlite3.SQLITE_CANTOPEN: "store-failed",
    sqlite3.SQLITE_CORRUPT: "store-failed",
    sqlite3.SQLITE_IOERR: "store-failed",
    sqlite3.SQLITE_NOMEM: "store-failed",
}


def too_slow(limit_s: float) -> TooCostly:
    """Make the refusal of a search that ran out of time."""
    return TooCostly.of("search-too-slow", expected=f"{limit_s:g}")
