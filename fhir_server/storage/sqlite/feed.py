"""The change feed: versions in the order of their commits, which is that of their numbers.

``version`` only ever grows and one writer at a time numbers its rows, so that everything after a
number is exactly what was committed since; other processes' commits are found by looking again.
"""

import sqlite3
from collections.abc import Collection

from fhir_server.model import LogicalId, ResourceType, VersionId
from fhir_server.storage.sqlite.dictionary import Dictionary
from fhir_server.storage.store import ChangeBatch, StoredChange

_SELECT = """SELECT v.type, r.id, v.version FROM version AS v JOIN resource AS r ON r.res = v.res
    WHERE v.n > ? AND v.n <= ?"""


def newest(connection: sqlite3.Connection) -> int:
    """Return the number of the last committed version; 0: there is none."""
    return int(connection.execute("SELECT coalesce(max(n), 0) FROM version").fetchone()[0])


def changes_after(
    connection: sqlite3.Connection,
    dictionary: Dictionary,
    after: int,
    resource_types: Collection[str],
    limit: int,
) -> ChangeBatch:
    """Return what was committed after version number ``after``, at most ``limit`` numbers of it."""
    until = min(newest(connection), after + limit)
    numbers = {
        number: name
        for name in resource_types
        if (number := dictionary.number(connection, name)) is not None
    }
    where, values = "", [after, until]
    if resource_types:
        where = f" AND v.type IN ({', '.join('?' * len(numbers))})"
        values += numbers
    rows = connection.execute(f"{_SELECT}{where} ORDER BY v.n", values).fetchall()
    found = (
        StoredChange(
            resource_type=ResourceType(dictionary.text(connection, type_number)),
            logical_id=LogicalId(logical_id),
            version_id=VersionId(version),
        )
        for type_number, logical_id, version in rows
    )
    return ChangeBatch(changes=tuple(found), token=str(max(until, after)))
