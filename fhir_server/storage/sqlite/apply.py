"""One batch of commits inside one transaction: check each, then gather its rows.

A commit is checked whole before anything of it is gathered, so that a refused one leaves no trace
and does not spoil the others of its batch. Rows are inserted table by table for the whole batch,
which costs about a third less than statement by statement.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from fhir_server.search import IndexValues, SearchQuery
from fhir_server.storage.sqlite.dictionary import Terms
from fhir_server.storage.sqlite.purging import GREATEST, Removal, remove
from fhir_server.storage.sqlite.rows import Row, RowMaker, Rows, changes
from fhir_server.storage.sqlite.schema import TABLES, Table
from fhir_server.storage.sqlite.versions import METHOD_NUMBERS, microseconds
from fhir_server.storage.store import AlreadyExists, Purge, StaleWrite, StoredVersion, Write

Identity = tuple[str, int]
"""Logical id and number of the type."""

MAX_REMEMBERED = 200_000
"""Texts and resources whose numbers are kept in memory; about 40 MB."""


class Known(NamedTuple):
    """What is stored of a resource; ``version`` 0: it is only referred to so far."""

    res: int
    version: int
    is_live: bool


class Memory:
    """What the one who writes remembers from batch to batch.

    Args:
        connection: The one that writes.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.terms = Terms(connection)
        self.rows = RowMaker(self.terms)
        self.identities: dict[Identity, int] = {}

    def forget(self) -> None:
        """The transaction is undone: its numbers are worth nothing."""
        self.rows.forget()
        self.identities.clear()

    def trim(self) -> None:
        """Start anew where there is too much of it."""
        if len(self.terms) + len(self.identities) > MAX_REMEMBERED:
            self.forget()


class Batch:
    """The writes of one transaction.

    Args:
        connection: Inside a write transaction.
        memory: Forgets what this transaction gave, should it be undone.
        is_matched: Says whether a query matches anything, as this connection sees it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        memory: Memory,
        is_matched: Callable[[SearchQuery], bool],
    ) -> None:
        self._connection = connection
        self._memory = memory
        self._is_matched = is_matched
        self._known: dict[Identity, Known] = {}
        self._next_res = self._after("SELECT max(res) FROM resource")
        self._next_n = self._after(GREATEST)
        self._new_resources: list[Row] = []
        self._changed_resources: list[Row] = []
        self._versions: list[Row] = []
        self._added: dict[Table, list[Row]] = {table: [] for table in TABLES}
        self._removed: dict[Table, list[Row]] = {table: [] for table in TABLES}
        self._unwritten: set[int] = set()
        self._unflushed: set[int] = set()

    def take(self, writes: Sequence[Write]) -> Iterator[None]:
        """Check one commit, then gather it; yields now and then so that the caller may pause.

        Raises:
            StaleWrite: Another version is current; nothing was gathered.
            AlreadyExists: A write's ``unless`` matches; nothing was gathered.
        """
        identities = [
            (write.version.logical_id, self._memory.terms[write.version.resource_type])
            for write in writes
        ]
        for index, (identity, write) in enumerate(zip(identities, writes, strict=True)):
            known = self._look_up(identity)
            if write.version.version_id != (0 if known is None else known.version) + 1:
                raise StaleWrite(index)
            if write.unless is not None:
                self.flush()
                if self._is_matched(write.unless):
                    raise AlreadyExists(index)
        for identity in identities:
            self._known[identity] = self._numbered(identity)
        for identity, write in zip(identities, writes, strict=True):
            self._gather(identity, write)
            yield

    def reindex(self, found: Sequence[tuple[StoredVersion, IndexValues]]) -> Iterator[None]:
        """Gather new rows for those versions that are current; yields like `take`."""
        for version, values in found:
            known = self._look_up((version.logical_id, self._memory.terms[version.resource_type]))
            if known is None or not known.is_live or known.version != version.version_id:
                continue
            rows = self._memory.rows.rows(values, version.resource_type, known.res, self._target)
            self._replace(known.res, rows)
            self._unflushed.add(known.res)
            yield

    def purge(self, asked: Purge, resources: Sequence[int], removal: Removal) -> Iterator[None]:
        """Remove versions for good; yields like `take`."""
        self.flush()
        self._known.clear()
        yield from remove(self._connection, asked, resources, removal)

    def flush(self) -> None:
        """Write everything that was gathered."""
        run = self._connection.executemany
        if self._new_resources:
            run("INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?)", self._new_resources)
            self._new_resources.clear()
        if self._changed_resources:
            run(
                "UPDATE resource SET version = ?, live = ?, current = ? WHERE res = ?",
                self._changed_resources,
            )
            self._changed_resources.clear()
        if self._versions:
            run("INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?)", self._versions)
            self._versions.clear()
        for table, removed in self._removed.items():
            if removed:
                run(table.delete, removed)
                removed.clear()
        for table, added in self._added.items():
            if added:
                run(table.insert, added)
                added.clear()
        self._unflushed.clear()

    def _after(self, sql: str) -> int:
        return (self._connection.execute(sql).fetchone()[0] or 0) + 1

    def _look_up(self, identity: Identity) -> Known | None:
        known = self._known.get(identity)
        if known is None:
            row = self._connection.execute(
                "SELECT res, version, live FROM resource WHERE id = ? AND type = ?", identity
            ).fetchone()
            known = None if row is None else Known(*row)
        return known

    def _target(self, resource_type: str, logical_id: str) -> int:
        identity = (logical_id, self._memory.terms[resource_type])
        res = self._memory.identities.get(identity)
        if res is not None:
            return res
        known = self._look_up(identity)
        if known is None:
            known = Known(self._number(identity), 0, False)
            self._known[identity] = known
            self._new_resources.append((known.res, identity[1], identity[0], 0, 0, 0))
        self._memory.identities[identity] = known.res
        return known.res

    def _number(self, identity: Identity) -> int:
        res = self._next_res
        self._next_res += 1
        self._memory.identities[identity] = res
        return res

    def _numbered(self, identity: Identity) -> Known:
        """Give numbers to everything a commit writes before its references are looked at."""
        known = self._look_up(identity)
        if known is not None:
            return known
        res = self._number(identity)
        self._unwritten.add(res)
        return Known(res, 0, False)

    def _gather(self, identity: Identity, write: Write) -> None:
        version = write.version
        known = self._known[identity]
        n = self._next_n
        self._next_n += 1
        is_live = write.values is not None
        self._versions.append((
            n, known.res, identity[1], version.version_id, microseconds(version.last_updated),
            METHOD_NUMBERS[version.method], version.body,
        ))  # fmt: skip
        if known.res in self._unwritten:
            self._unwritten.discard(known.res)
            self._new_resources.append((
                known.res, identity[1], identity[0], version.version_id, is_live, n,
            ))  # fmt: skip
        else:
            self._changed_resources.append((version.version_id, is_live, n, known.res))
        self._known[identity] = Known(known.res, version.version_id, is_live)
        new: Rows = {}
        if write.values is not None:
            new = self._memory.rows.rows(
                write.values, version.resource_type, known.res, self._target
            )
        if known.is_live:
            self._replace(known.res, new)
        else:
            for table, rows in new.items():
                self._added[table] += rows
        self._unflushed.add(known.res)

    def _replace(self, res: int, new: Rows) -> None:
        """Touch only the rows that differ: an update seldom changes more than a few."""
        if res in self._unflushed:
            self.flush()
        for table in TABLES:
            old = self._connection.execute(table.of_resource, (res,)).fetchall()
            removed, added = changes(old, new.get(table, ()))
            self._removed[table] += removed
            self._added[table] += added
