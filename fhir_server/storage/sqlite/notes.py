"""Notes about the store as a whole, in the table ``meta``."""

import sqlite3
from collections.abc import Iterator

_PREFIX = "note/"
"""Keeps them apart from what the store itself keeps there."""


def read(connection: sqlite3.Connection, prefix: str) -> dict[str, bytes]:
    """Return the notes whose names begin with ``prefix``."""
    whole = _PREFIX + prefix
    rows = connection.execute(
        "SELECT name, value FROM meta WHERE substr(name, 1, ?) = ?", (len(whole), whole)
    )
    return {name.removeprefix(_PREFIX): bytes(value) for name, value in rows}


def write(connection: sqlite3.Connection, name: str, value: bytes | None) -> Iterator[None]:
    """Keep a note, inside a transaction of the connection; None: forget it."""
    if value is None:
        connection.execute("DELETE FROM meta WHERE name = ?", (_PREFIX + name,))
    else:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_PREFIX + name, value))
    yield
