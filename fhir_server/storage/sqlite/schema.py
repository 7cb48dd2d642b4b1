"""The tables: versions, resources, and one narrow table for each kind of index value.

Every resource has a number ``res``, given when it is first written or first referred to, never changed
and never given again; rows of index values hold numbers and short texts only. ``term`` turns what repeats
(types, parameters, systems, uris, units) into numbers. A parameter's number stands for kind, resource
type and code at once, so that no index row needs a type. ``version`` only ever grows: it is the history,
and its ``n``, in the order of commits, can be followed as a change feed.
"""

import sqlite3
from typing import NamedTuple

APPLICATION_ID = 0x46484952
"""In the file's header, so that another program's file is not taken for ours: "FHIR"."""
SCHEMA_VERSION = 1

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


class Table(NamedTuple):
    """A table of index values; ``grp`` is 0 but for the components of a composite's group.

    Attributes:
        name: Also the first word of its parameters' terms.
        columns: All columns in the order of rows.
        key: The primary key; begins with ``param``.
        high: Columns of the second index over the upper ends of intervals, where values are intervals.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    high: tuple[str, ...] = ()

    @property
    def by_resource(self) -> str:
        """Name of the index that finds the rows of one resource."""
        return f"{self.name}_res"

    @property
    def by_high(self) -> str:
        """Name of the index over the upper ends."""
        return f"{self.name}_high"

    @property
    def insert(self) -> str:
        """Statement that adds a row."""
        marks = ", ".join("?" * len(self.columns))
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({marks})"

    @property
    def delete(self) -> str:
        """Statement that takes away one whole row."""
        match = " AND ".join(f"{column} = ?" for column in self.columns)
        return f"DELETE FROM {self.name} WHERE {match}"

    @property
    def of_resource(self) -> str:
        """Statement that reads all rows of a resource."""
        columns = ", ".join(self.columns)
        return f"SELECT {columns} FROM {self.name} INDEXED BY {self.by_resource} WHERE res = ?"

    def statements(self) -> tuple[str, ...]:
        """Make the table and its indexes."""
        columns = ", ".join(f"{column} {_TYPES[column]} NOT NULL" for column in self.columns)
        made = (
            f"CREATE TABLE {self.name} ({columns}, PRIMARY KEY ({', '.join(self.key)})) WITHOUT ROWID",
            f"CREATE INDEX {self.by_resource} ON {self.name} (res, param)",
        )
        if not self.high:
            return made
        return (*made, f"CREATE INDEX {self.by_high} ON {self.name} ({', '.join(self.high)})")


_TYPES = {
    "param": "INTEGER", "system": "INTEGER", "code": "TEXT", "normal": "TEXT", "exact": "TEXT",
    "target": "INTEGER", "uri": "INTEGER", "unit": "INTEGER", "latitude": "REAL", "longitude": "REAL",
    "res": "INTEGER", "grp": "INTEGER", "low": "", "high": "",
}  # fmt: skip

TOKEN = Table(
    "token",
    ("param", "system", "code", "res", "grp"),
    ("param", "system", "code", "res", "grp"),
)
STRING = Table(
    "string",
    ("param", "normal", "res", "exact", "grp"),
    ("param", "normal", "res", "exact", "grp"),
)
DATE = Table(
    "date",
    ("param", "low", "res", "high", "grp"),
    ("param", "low", "res", "high", "grp"),
    ("param", "high", "res", "low"),
)
NUMBER = Table(
    "number",
    ("param", "low", "res", "high", "grp"),
    ("param", "low", "res", "high", "grp"),
    ("param", "high", "res", "low"),
)
QUANTITY = Table(
    "quantity",
    ("param", "unit", "low", "res", "high", "grp"),
    ("param", "unit", "low", "res", "high", "grp"),
    ("param", "unit", "high", "res", "low"),
)
REFERENCE = Table("reference", ("param", "target", "res", "grp"), ("param", "target", "res", "grp"))
URI = Table("uri", ("param", "uri", "res", "grp"), ("param", "uri", "res", "grp"))
POSITION = Table(
    "position",
    ("param", "latitude", "longitude", "res", "grp"),
    ("param", "latitude", "longitude", "res", "grp"),
)
TABLES = (TOKEN, STRING, DATE, NUMBER, QUANTITY, REFERENCE, URI, POSITION)


def is_ours(connection: sqlite3.Connection) -> bool:
    """Say whether the file is empty or a store that this version can read."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION_ID:
        return bool(version == SCHEMA_VERSION)
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return bool(application == 0 and tables == 0)


def create(connection: sqlite3.Connection) -> None:
    """Make all tables where there are none; several processes may do so at once."""
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
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
