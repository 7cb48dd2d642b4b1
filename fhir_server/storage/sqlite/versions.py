"""Reading versions: the current one, a named one, and pages of history.

Spec: https://hl7.org/fhir/R4/http.html#history
"""

import re
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from fhir_server.model import InvalidRequest, LogicalId, ResourceType, VersionId
from fhir_server.storage.sqlite.dictionary import Dictionary
from fhir_server.storage.store import HistoryPage, HistoryQuery, StoredVersion, WriteMethod

METHODS: tuple[WriteMethod, ...] = ("POST", "PUT", "PATCH", "DELETE")
METHOD_NUMBERS = {method: number for number, method in enumerate(METHODS)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_INTEGER = 2**63 - 1
"""SQLite's largest."""

READ = """SELECT v.version, v.updated, v.method, v.body FROM resource AS r
    JOIN version AS v ON v.n = r.current WHERE r.id = ? AND r.type = ?"""
VREAD = """SELECT v.version, v.updated, v.method, v.body FROM resource AS r
    JOIN version AS v ON v.res = r.res WHERE r.id = ? AND r.type = ? AND v.version = ?"""
_HISTORY = """SELECT v.version, v.updated, v.method, v.body, r.type, r.id, v.n
    FROM version AS v JOIN resource AS r ON r.res = v.res WHERE """
TYPES = """WITH RECURSIVE t (type) AS (SELECT min(type) FROM version UNION ALL
    SELECT (SELECT min(type) FROM version WHERE type > t.type) FROM t WHERE t.type IS NOT NULL)
    SELECT type FROM t WHERE type IS NOT NULL"""
"""Types that have versions, one step in the index each."""


def microseconds(instant: datetime) -> int:
    """Return microseconds since 1970 UTC."""
    return (instant - EPOCH) // _MICROSECOND


def stored_version(resource_type: ResourceType, logical_id: LogicalId, row: Any) -> StoredVersion:
    """Make the value of a row that begins with version, updated, method, body."""
    version, updated, method, body = row[:4]
    return StoredVersion(
        resource_type=resource_type,
        logical_id=logical_id,
        version_id=VersionId(version),
        last_updated=EPOCH + timedelta(microseconds=updated),
        method=METHODS[method],
        body=body,
    )


class VersionReader:
    """Reads versions over whatever connection it is given."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary

    def read(
        self, connection: sqlite3.Connection, resource_type: ResourceType, logical_id: LogicalId
    ) -> StoredVersion | None:
        """Return the current version."""
        type_number = self._dictionary.number(connection, resource_type)
        if type_number is None:
            return None
        row = connection.execute(READ, (logical_id, type_number)).fetchone()
        return None if row is None else stored_version(resource_type, logical_id, row)

    def vread(
        self,
        connection: sqlite3.Connection,
        resource_type: ResourceType,
        logical_id: LogicalId,
        version_id: VersionId,
    ) -> StoredVersion | None:
        """Return one version."""
        type_number = self._dictionary.number(connection, resource_type)
        if type_number is None or version_id > _MAX_INTEGER:
            return None
        row = connection.execute(VREAD, (logical_id, type_number, version_id)).fetchone()
        return None if row is None else stored_version(resource_type, logical_id, row)

    def history(self, connection: sqlite3.Connection, query: HistoryQuery) -> HistoryPage:
        """Return one page of versions, newest first; within one instance by version id."""
        where, values = _restrictions(query)
        if query.logical_id is not None:
            return self._instance(connection, query, where, values)
        if query.resource_type is None:
            types = [row[0] for row in connection.execute(TYPES)]
        else:
            number = self._dictionary.number(connection, query.resource_type)
            types = [] if number is None else [number]
        return self._types(connection, query, types, where, values)

    def _instance(
        self,
        connection: sqlite3.Connection,
        query: HistoryQuery,
        where: list[str],
        values: list[int],
    ) -> HistoryPage:
        number = self._dictionary.number(connection, query.resource_type or "")
        row = connection.execute(
            "SELECT res FROM resource WHERE id = ? AND type = ?", (query.logical_id, number)
        ).fetchone()
        if row is None:
            return HistoryPage(versions=(), total=0)
        where, values = ["v.res = ?", *where], [row[0], *values]
        total = _count(connection, where, values)
        if query.after is not None:
            where, values = [*where, "v.version < ?"], [*values, *_place(query.after, 1)]
        sql = f"{_HISTORY}{' AND '.join(where)} ORDER BY v.version DESC LIMIT ?"
        rows = connection.execute(sql, (*values, query.page_count + 1)).fetchall()
        return self._page(connection, query, rows, total, lambda row: str(row[0]))

    def _types(
        self,
        connection: sqlite3.Connection,
        query: HistoryQuery,
        types: list[int],
        where: list[str],
        values: list[int],
    ) -> HistoryPage:
        """Merge the newest of each type: an index walk of a page's length for every type."""
        total = None
        if query.counts:
            counts = (_count(connection, ["v.type = ?", *where], [n, *values]) for n in types)
            total = sum(counts)
        if query.after is not None:
            where = [*where, "v.updated <= ?", "(v.updated, v.n) < (?, ?)"]
            updated, n = _place(query.after, 2)
            values = [*values, updated, updated, n]
        rows: list[Any] = []
        condition = " AND ".join(["v.type = ?", *where])
        sql = f"{_HISTORY}{condition} ORDER BY v.updated DESC, v.n DESC LIMIT ?"
        for number in types:
            rows += connection.execute(sql, (number, *values, query.page_count + 1)).fetchall()
        rows.sort(key=lambda row: (row[1], row[6]), reverse=True)
        return self._page(connection, query, rows, total, lambda row: f"{row[1]}.{row[6]}")

    def _page(
        self,
        connection: sqlite3.Connection,
        query: HistoryQuery,
        rows: list[Any],
        total: int | None,
        place: Any,
    ) -> HistoryPage:
        page = rows[: query.page_count]
        versions = tuple(
            stored_version(
                ResourceType(self._dictionary.text(connection, row[4])), LogicalId(row[5]), row
            )
            for row in page
        )
        more = place(page[-1]) if page and len(rows) > len(page) else None
        return HistoryPage(versions=versions, next=more, total=total)


def _restrictions(query: HistoryQuery) -> tuple[list[str], list[int]]:
    where: list[str] = []
    values: list[int] = []
    if query.since is not None:
        where.append("v.updated >= ?")
        values.append(microseconds(query.since))
    if query.at is not None:
        low, high = query.at
        where.append("v.updated < ?")
        where.append(
            "NOT EXISTS (SELECT 1 FROM version AS s WHERE s.res = v.res "
            "AND s.version = v.version + 1 AND s.updated <= ?)"
        )
        values += [microseconds(high), microseconds(low)]
    return where, values


def _count(connection: sqlite3.Connection, where: list[str], values: list[int]) -> int:
    sql = f"SELECT count(*) FROM version AS v WHERE {' AND '.join(where)}"
    return int(connection.execute(sql, values).fetchone()[0])


def _place(after: str, length: int) -> list[int]:
    place = re.fullmatch(r"[0-9]{1,18}" + r"\.[0-9]{1,18}" * (length - 1), after)
    if place is None:
        raise InvalidRequest.of("search-position")
    return [int(part) for part in after.split(".")]
