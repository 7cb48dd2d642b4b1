"""The dictionary of repeating texts, and the numbers of resources, both kept in memory in part.

A number, once committed, never changes: a remembered one is good for ever, in every process.
"""

import sqlite3
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Remembered(Generic[Key]):
    """Committed keys with their numbers, the oldest dropped where there are too many.

    Threads share it: single operations of a dict are atomic, and a lost entry is read again.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._numbers: dict[Key, int] = {}
        self.get = self._numbers.get

    def add(self, key: Key, number: int) -> None:
        """Remember a committed key."""
        if len(self._numbers) >= self._capacity:
            for old in list(self._numbers)[: self._capacity // 4]:
                self._numbers.pop(old, None)
        self._numbers[key] = number


class Dictionary:
    """Texts with numbers (``term``). Reading is for every thread, `intern` for the one that writes."""

    def __init__(self, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._numbers: Remembered[str] = Remembered(capacity)
        self._texts: dict[int, str] = {}
        self._pending: dict[str, int] = {}

    def number(self, connection: sqlite3.Connection, text: str) -> int | None:
        """Return the number of a committed text; None: nothing has it."""
        number = self._numbers.get(text)
        if number is not None:
            return number
        row = connection.execute("SELECT id FROM term WHERE text = ?", (text,)).fetchone()
        if row is None:
            return None
        if text not in self._pending:
            self._numbers.add(text, row[0])
        return int(row[0])

    def text(self, connection: sqlite3.Connection, number: int) -> str:
        """Return the text of a number that is in use."""
        text = self._texts.get(number)
        if text is None:
            row = connection.execute("SELECT text FROM term WHERE id = ?", (number,)).fetchone()
            text = str(row[0])
            if text not in self._pending and len(self._texts) < self._capacity:
                self._texts[number] = text
        return text

    def intern(self, connection: sqlite3.Connection, text: str) -> int:
        """Return the number of a text, a new one where it has none; inside a write transaction."""
        number = self._numbers.get(text) or self._pending.get(text)
        if number is not None:
            return number
        row = connection.execute("SELECT id FROM term WHERE text = ?", (text,)).fetchone()
        if row is None:
            added = connection.execute("INSERT INTO term (text) VALUES (?)", (text,)).lastrowid
            row = (added,)
        self._pending[text] = int(row[0])
        return int(row[0])

    def publish(self) -> None:
        """The transaction is committed: its new texts are good for everyone."""
        for text, number in self._pending.items():
            self._numbers.add(text, number)
        self._pending.clear()

    def forget(self) -> None:
        """The transaction is undone: so are its new texts."""
        self._pending.clear()
