"""Removing versions for good: what is superseded, and all of what is deleted.

A resource keeps its number: others may refer to it. Version numbers, by which the change feed goes,
are not given again either: the greatest one that ever was is noted before versions are removed.
What is removed is overwritten in the file.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fhir_server.storage.sqlite.dictionary import Dictionary
from fhir_server.storage.store import Purge

WINDOW = 20_000
"""Resources that are looked at in one read: about 10 ms."""

_NOTE_GREATEST = """INSERT INTO meta SELECT 'greatest_version', max(n) FROM version WHERE true
    ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"""
GREATEST = """SELECT max(n) FROM (SELECT max(n) AS n FROM version
    UNION ALL SELECT value FROM meta WHERE name = 'greatest_version')"""
"""The greatest number that a version ever had."""

_SUPERSEDED = "EXISTS (SELECT 1 FROM version AS v WHERE v.res = r.res AND v.version < r.version)"
_DELETED = "(r.live = 0 AND r.version > 0)"
_REMOVE_SUPERSEDED = """DELETE FROM version WHERE n IN (SELECT v.n FROM version AS v
    WHERE v.res = ? AND v.version < ? ORDER BY v.version LIMIT ?)"""


@dataclass(slots=True)
class Removal:
    """How far a purge has come.

    Attributes:
        left: Versions that may still be removed.
        count: Versions that were removed by the last step.
    """

    left: int
    count: int = 0


def candidates(
    connection: sqlite3.Connection, dictionary: Dictionary, asked: Purge, after: int
) -> tuple[list[int], int | None]:
    """Return resources that have something to remove, and where to go on; None: that is all."""
    wanted = [
        text for text, on in ((_SUPERSEDED, asked.superseded), (_DELETED, asked.deleted)) if on
    ]
    condition, values = f"({' OR '.join(wanted) or 'false'})", []
    if asked.resource_type is not None:
        number = dictionary.number(connection, asked.resource_type)
        condition += " AND r.type = ?"
        values = [number]
    if asked.logical_id is not None:
        sql = f"SELECT r.res FROM resource AS r WHERE {condition} AND r.id = ?"
        rows = connection.execute(sql, (*values, asked.logical_id)).fetchall()
        return [row[0] for row in rows], None
    last = connection.execute("SELECT coalesce(max(res), 0) FROM resource").fetchone()[0]
    sql = f"SELECT r.res FROM resource AS r WHERE {condition} AND r.res > ? AND r.res <= ?"
    rows = connection.execute(sql, (*values, after, after + WINDOW)).fetchall()
    return [row[0] for row in rows], after + WINDOW if after + WINDOW < last else None


def remove(
    connection: sqlite3.Connection, asked: Purge, resources: Sequence[int], removal: Removal
) -> Iterator[None]:
    """Remove what is asked of some resources, inside a transaction; yields after each."""
    removal.count = 0
    connection.execute(_NOTE_GREATEST)
    connection.execute("PRAGMA secure_delete = ON")
    try:
        for res in resources:
            if removal.count >= removal.left:
                break
            removal.count += _remove(connection, asked, res, removal.left - removal.count)
            yield
    finally:
        connection.execute("PRAGMA secure_delete = OFF")


def _remove(connection: sqlite3.Connection, asked: Purge, res: int, limit: int) -> int:
    version, is_live = connection.execute(
        "SELECT version, live FROM resource WHERE res = ?", (res,)
    ).fetchone()
    is_wanted_whole = asked.deleted and not is_live
    count = 0
    if asked.superseded or is_wanted_whole:
        count = connection.execute(_REMOVE_SUPERSEDED, (res, version, limit)).rowcount
    if is_wanted_whole and count < limit:
        count += connection.execute("DELETE FROM version WHERE res = ?", (res,)).rowcount
        connection.execute("UPDATE resource SET version = 0, current = 0 WHERE res = ?", (res,))
    return count
