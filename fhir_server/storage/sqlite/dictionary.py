"""The dictionary of repeating texts, kept in memory in part.

A number, once committed, never changes: a remembered one is good for ever, in every process.
"""

import sqlite3

CAPACITY = 50_000
"""Texts kept in memory; about 10 MB."""


class Dictionary:
    """Texts with numbers (``term``), for reading; threads share it.

    Only committed texts are remembered: whatever is asked over the connection that writes goes to
    its own instance, which forgets all when a transaction is undone.

    Attributes:
        varied: Numbers of parameters that have too many distinct texts to look through.
    """

    def __init__(self) -> None:
        self.varied: set[int] = set()
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def number(self, connection: sqlite3.Connection, text: str) -> int | None:
        """Return the number of a text; None: nothing has it."""
        number = self._numbers.get(text)
        if number is not None:
            return number
        row = connection.execute("SELECT id FROM term WHERE text = ?", (text,)).fetchone()
        if row is None:
            return None
        if len(self._numbers) >= CAPACITY:
            self._numbers.clear()
        self._numbers[text] = row[0]
        return int(row[0])

    def text(self, connection: sqlite3.Connection, number: int) -> str:
        """Return the text of a number that is in use."""
        text = self._texts.get(number)
        if text is None:
            row = connection.execute("SELECT text FROM term WHERE id = ?", (number,)).fetchone()
            text = str(row[0])
            if len(self._texts) >= CAPACITY:
                self._texts.clear()
            self._texts[number] = text
        return text

    def forget(self) -> None:
        """Remember nothing any more."""
        self._numbers.clear()
        self._texts.clear()


class Terms(dict[str, int]):
    """Texts with numbers, for writing: one that has none gets one, inside the transaction.

    A plain look-up is all that a known text costs: 30 ns, and a resource has fifty.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __missing__(self, text: str) -> int:
        row = self._connection.execute("SELECT id FROM term WHERE text = ?", (text,)).fetchone()
        if row is None:
            added = self._connection.execute("INSERT INTO term (text) VALUES (?)", (text,))
            row = (added.lastrowid,)
        number = int(row[0])
        self[text] = number
        return number


class Parameters(dict[str, int]):
    """Numbers of the parameters of one table and one resource type."""

    def __init__(self, terms: Terms, prefix: str) -> None:
        self._terms = terms
        self._prefix = prefix

    def __missing__(self, parameter: str) -> int:
        number = self._terms[self._prefix + parameter]
        self[parameter] = number
        return number
