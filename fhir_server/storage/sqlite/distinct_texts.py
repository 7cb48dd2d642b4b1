"""Which distinct texts a parameter has: what ``:contains`` looks through instead of all rows.

Names, cities and titles repeat: at 64,000 patients a rare part of a family name would be looked for
in 128,000 rows, but there are some hundreds of names. They are stepped through in the index, one
look-up each; parameters that have too many are walked row by row, as before.
"""

import sqlite3

from fhir_server.search import StringMatch
from fhir_server.storage.sqlite.dictionary import Dictionary

MAX_DISTINCT = 2_000
"""Texts that are stepped through; 1 µs each."""
MAX_MATCHING = 500
"""Texts that are then looked up one by one."""

_STEPS = (
    "WITH RECURSIVE d (v, n) AS (SELECT min(normal), 1 FROM string WHERE param = ?1 "
    "UNION ALL SELECT (SELECT min(normal) FROM string WHERE param = ?1 AND normal > d.v), n + 1 "
    "FROM d WHERE d.v IS NOT NULL AND n <= ?2) SELECT v FROM d WHERE v IS NOT NULL"
)


def matching_texts(
    connection: sqlite3.Connection, dictionary: Dictionary, param: int, leaf: StringMatch
) -> list[str] | None:
    """Return the stored texts that satisfy ``:contains`` or ``ew``.

    Args:
        connection: The one the query will run on.
        dictionary: Remembers which parameters have too many texts.
        param: Number of the parameter.
        leaf: Of one of these two modes.

    Returns:
        The texts; None: there are too many, all or matching ones.
    """
    if param in dictionary.varied:
        return None
    rows = connection.execute(_STEPS, (param, MAX_DISTINCT)).fetchall()
    if len(rows) > MAX_DISTINCT:
        dictionary.varied.add(param)
        return None
    if leaf.mode == "contains":
        found = [text for (text,) in rows if any(part in text for part in leaf.values)]
    else:
        found = [text for (text,) in rows if any(text.endswith(end) for end in leaf.values)]
    return found if len(found) <= MAX_MATCHING else None
