"""The tables: versions, resources, and one narrow table for each kind of index value.

Every resource has a number ``res``, given when it is first written or first referred to, never
changed and never given again; rows of index values hold numbers and short texts only. ``term``
turns what repeats (types, parameters, systems, uris, units) into numbers. A parameter's number
stands for kind, resource type and code at once, so that no index row needs a type. ``version`` only
ever grows: it is the history, and its ``n``, in the order of commits, can be followed as a change
feed.
"""

import secrets
import sqlite3
from dataclasses import dataclass
from functools import cached_property

APPLICATION_ID = 0x46484952
"""In the file's header, so that another program's file is not taken for ours: "FHIR"."""
SCHEMA_VERSION = 1
_KEY_BYTES = 32

VERSIONS = (
    "CREATE TABLE term (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
    # version 0: only referred to so far; current: n of the version that is read
    """CREATE TABLE resource (res INTEGER PRIMARY KEY, type INTEGER NOT NULL, id TEXT NOT NULL,
       version INTEGER NOT NULL, live INTEGER NOT NULL, current INTEGER NOT NULL)""",
    "CREATE UNIQUE INDEX resource_id ON resource (id, type)",
    "CREATE INDEX resource_live ON resource (type) WHERE live = 1",
    """CREATE TABLE version (n INTEGER PRIMARY KEY, res INTEGER NOT NULL, type INTEGER NOT NULL,
       version INTEGER NOT NULL, updated INTEGER NOT NULL, method INTEGER NOT NULL, body BLOB)""",
    "CREATE UNIQUE INDEX version_res ON version (res, version)",
    "CREATE INDEX version_type ON version (type, updated)",
)

META = """CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)
WITHOUT ROWID"""
"""What belongs to the store as a whole; files made before there was one get it when opened."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """A table of index values; all columns together, in order, are its primary key.

    Attributes:
        name: Also the first word of its parameters' terms.
        columns: ``param`` first; ``grp`` is 0 but for the components of a composite's group.
        high: Columns of a second index over the upper ends, where values are intervals.
        high_where: Which rows that index has; all where it is empty.
        by_resource: Name of the index that finds the rows of one resource.
        by_high: Name of the index over the upper ends.
    """

    name: str
    columns: tuple[str, ...]
    high: tuple[str, ...] = ()
    high_where: str = ""

    @cached_property
    def by_resource(self) -> str:  # noqa: D102 # see the attributes
        return f"{self.name}_res"

    @cached_property
    def by_high(self) -> str:  # noqa: D102 # see the attributes
        return f"{self.name}_high"

    @cached_property
    def insert(self) -> str:
        """Statement that adds a row, once."""
        marks = ", ".join("?" * len(self.columns))
        return f"INSERT OR IGNORE INTO {self.name} ({', '.join(self.columns)}) VALUES ({marks})"

    @cached_property
    def delete(self) -> str:
        """Statement that takes away one row."""
        match = " AND ".join(f"{column} = ?" for column in self.columns)
        return f"DELETE FROM {self.name} WHERE {match}"

    @cached_property
    def of_resource(self) -> str:
        """Statement that reads all rows of a resource."""
        columns = ", ".join(self.columns)
        return f"SELECT {columns} FROM {self.name} INDEXED BY {self.by_resource} WHERE res = ?"

    def statements(self) -> tuple[str, ...]:
        """Make the table and its indexes."""
        columns = ", ".join(f"{column} {_TYPES[column]} NOT NULL" for column in self.columns)
        key = ", ".join(self.columns)
        made = (
            f"CREATE TABLE {self.name} ({columns}, PRIMARY KEY ({key})) WITHOUT ROWID",
            f"CREATE INDEX {self.by_resource} ON {self.name} (res, param)",
        )
        if not self.high:
            return made
        where = f" WHERE {self.high_where}" if self.high_where else ""
        return (
            *made,
            f"CREATE INDEX {self.by_high} ON {self.name} ({', '.join(self.high)}){where}",
        )


_TYPES = {
    "param": "INTEGER", "system": "INTEGER", "code": "TEXT", "normal": "TEXT", "exact": "TEXT",
    "target": "INTEGER", "uri": "INTEGER", "unit": "INTEGER", "latitude": "REAL",
    "longitude": "REAL", "res": "INTEGER", "grp": "INTEGER", "low": "", "high": "",
}  # fmt: skip
IS_SPAN = "low <> high"
"""Numbers are points but for ranges and comparators: only those need an index of upper ends."""

TOKEN = Table(name="token", columns=("param", "system", "code", "res", "grp"))
STRING = Table(name="string", columns=("param", "normal", "res", "exact", "grp"))
DATE = Table(
    name="date",
    columns=("param", "low", "res", "high", "grp"),
    high=("param", "high", "res", "low"),
)
NUMBER = Table(
    name="number",
    columns=("param", "low", "res", "high", "grp"),
    high=("param", "high", "res", "low"),
    high_where=IS_SPAN,
)
QUANTITY = Table(
    name="quantity",
    columns=("param", "unit", "low", "res", "high", "grp"),
    high=("param", "unit", "high", "res", "low"),
    high_where=IS_SPAN,
)
REFERENCE = Table(name="reference", columns=("param", "target", "res", "grp"))
URI = Table(name="uri", columns=("param", "uri", "res", "grp"))
POSITION = Table(name="position", columns=("param", "latitude", "longitude", "res", "grp"))
TABLES = (TOKEN, STRING, DATE, NUMBER, QUANTITY, REFERENCE, URI, POSITION)


def is_ours(connection: sqlite3.Connection) -> bool:
    """Say whether the file is empty or a store that this version can read.

    Everything is read of one moment: another process may be making the tables.
    """
    connection.execute("BEGIN")
    try:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.execute("ROLLBACK")
    if application == APPLICATION_ID:
        return bool(version == SCHEMA_VERSION)
    return bool(application == 0 and tables == 0)


def create(connection: sqlite3.Connection) -> None:
    """Make what is missing; several processes may do so at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in VERSIONS:
                connection.execute(statement)
            for table in TABLES:
                for statement in table.statements():
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute(META)
        key = secrets.token_bytes(_KEY_BYTES)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('shared_key', ?)", (key,))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
