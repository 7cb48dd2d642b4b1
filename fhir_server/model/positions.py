"""Line and column of a value in the text somebody posted; here for JSON text.

Worked out only when something failed.

Pointers: https://www.rfc-editor.org/rfc/rfc6901
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

from fhir_server.model.issues import Issue

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_SCALAR = re.compile(r'[^\s,\]}"]+')


class Position(NamedTuple):
    """Where a value starts, both counted from 1, columns in characters."""

    line: int
    column: int


class PostedText(Protocol):
    """A text as it was posted, in whatever format: it knows where its values stand."""

    def locate(self, pointers: Iterable[str]) -> Mapping[str, Position]:
        """Find where the values of JSON Pointers start; one that leads to nothing, the nearest."""


class JsonText:
    """JSON that was decoded without error, as text or as its UTF-8 bytes."""

    __slots__ = ("_text",)

    def __init__(self, text: str | bytes) -> None:
        self._text = text

    def locate(self, pointers: Iterable[str]) -> Mapping[str, Position]:
        """Find where the values of ``pointers`` start."""
        text = self._text
        return locate(text if isinstance(text, str) else text.decode(), pointers)


def locate(text: str, pointers: Iterable[str]) -> Mapping[str, Position]:
    """Find where the values of ``pointers`` start in ``text``.

    Args:
        text: JSON that was decoded without error.
        pointers: JSON Pointers; "" is the whole text. One that leads to nothing (an element that is
            missing) gets the place of the nearest value around it.

    Returns:
        The position of each pointer.
    """
    wanted = set(pointers)
    needed = {prefix for pointer in wanted for prefix in _prefixes(pointer)}
    offsets: dict[str, int] = {}
    _Scanner(text, needed, offsets).scan()
    lines = _Lines(text)
    return {
        pointer: lines.position(next(offsets[p] for p in _prefixes(pointer) if p in offsets))
        for pointer in wanted
    }


def with_positions(issues: Iterable[Issue], text: PostedText) -> tuple[Issue, ...]:
    """Add line and column to every issue that has a pointer and no line yet."""
    found = tuple(issues)
    wanted = {i.pointer for i in found if i.pointer is not None and i.line is None}
    if not wanted:
        return found
    places = text.locate(wanted)
    return tuple(
        replace(i, line=places[i.pointer].line, column=places[i.pointer].column)
        if i.pointer is not None and i.line is None
        else i
        for i in found
    )


def escape(key: str) -> str:
    """Write an object key as one step of a JSON Pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def _prefixes(pointer: str) -> Iterable[str]:
    """The pointer itself, then each one around it, ending with ""."""
    yield pointer
    while pointer:
        pointer = pointer.rpartition("/")[0]
        yield pointer


class _Scanner:
    """One pass over the text that notes the offsets of the wanted pointers and skips the rest."""

    def __init__(self, text: str, wanted: set[str], offsets: dict[str, int]) -> None:
        self._text = text
        self._wanted = wanted
        self._offsets = offsets

    def scan(self) -> None:
        """Read the whole text."""
        self.value(self._skip(0), "")

    def value(self, at: int, pointer: str | None) -> int:
        """Read the value that starts at ``at``; ``pointer`` None: nothing below is wanted."""
        if pointer is not None:
            if pointer in self._wanted:
                self._offsets[pointer] = at
            else:
                pointer = None
        opening = self._text[at]
        if opening == "{":
            return self._object(at + 1, pointer)
        if opening == "[":
            return self._array(at + 1, pointer)
        if opening == '"':
            return self._after(_STRING, at)
        return self._after(_SCALAR, at)

    def _object(self, at: int, pointer: str | None) -> int:
        at = self._skip(at)
        while self._text[at] != "}":
            end = self._after(_STRING, at)
            below = None if pointer is None else self._step(pointer, at, end)
            at = self.value(self._skip(self._skip(end) + 1), below)
            at = self._next(at)
        return at + 1

    def _array(self, at: int, pointer: str | None) -> int:
        at = self._skip(at)
        index = 0
        while self._text[at] != "]":
            at = self.value(at, None if pointer is None else f"{pointer}/{index}")
            at = self._next(at)
            index += 1
        return at + 1

    def _step(self, pointer: str, at: int, end: int) -> str:
        return f"{pointer}/{escape(json.loads(self._text[at:end]))}"

    def _skip(self, at: int) -> int:
        return self._after(_SPACE, at)

    def _after(self, pattern: re.Pattern[str], at: int) -> int:
        found = pattern.match(self._text, at)
        if found is None:
            raise ValueError(f"no JSON at offset {at}")
        return found.end()

    def _next(self, at: int) -> int:
        at = self._skip(at)
        return self._skip(at + 1) if self._text[at] == "," else at


class _Lines:
    """Offsets to lines."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def position(self, offset: int) -> Position:
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)
