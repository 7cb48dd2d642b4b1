"""A ``_filter`` text to its tree.

Logical expressions are read from left to right: ``and`` and ``or`` bind alike.

Spec: https://hl7.org/fhir/R4/search_filter.html
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from fhir_server.model import InvalidRequest, decode_array
from fhir_server.search.clause import refusal

NAME = "_filter"
MAX_TESTS = 100
"""Tests of one filter; each costs what a parameter costs."""
MAX_DEPTH = 20
"""Parentheses within each other."""

_PIECE = re.compile(
    r'\s*(?:(?P<mark>[()\[\]])|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[^\s()\[\]"]\S*))'
)
_END_OF_WORD = re.compile(r"[)\]]")
_PATH_END = re.compile(r"[(\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """``path operator value``.

    Attributes:
        path: A search parameter, also chained (``subject.name``).
        operator: Two letters.
        value: Without quotes and their escapes.
    """

    path: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """``left and right``."""

    left: "Filter"
    right: "Filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    """``left or right``."""

    left: "Filter"
    right: "Filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Negation:
    """``not (part)``."""

    part: "Filter"


Filter = Test | Both | Either | Negation


class _Piece(NamedTuple):
    """A parenthesis, a quoted text or a word, and where it begins."""

    kind: str
    text: str
    at: int


def parse_filter(text: str) -> Filter:
    """Read a filter.

    Args:
        text: The value of ``_filter``, percent-decoded.

    Raises:
        InvalidRequest: It does not follow the grammar; the message quotes from where.
    """
    return _Parser(text).whole()


class _Parser:
    """One text while it is read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._tests = 0

    def whole(self) -> Filter:
        found = self._filter(0)
        if self._peek() is not None:
            raise self._refuse("and, or")
        return found

    def _filter(self, depth: int) -> Filter:
        """Read tests that ``and`` and ``or`` join, from left to right."""
        if depth > MAX_DEPTH:
            raise refusal("search-filter-too-long", NAME, found=MAX_DEPTH + 1, expected=MAX_DEPTH)
        found = self._single(depth)
        while (word := self._peek()) is not None and word.text in {"and", "or"}:
            self._take()
            right = self._single(depth)
            if word.text == "and":
                found = Both(left=found, right=right)
            else:
                found = Either(left=found, right=right)
        return found

    def _single(self, depth: int) -> Filter:
        piece = self._peek()
        if piece is not None and piece.text == "not":
            after = self._text[piece.at + len("not") :].lstrip()
            if after.startswith("("):
                self._take()
                return Negation(part=self._inside(depth))
        if piece is not None and piece.kind == "mark" and piece.text == "(":
            return self._inside(depth)
        return self._test()

    def _inside(self, depth: int) -> Filter:
        self._expect("(")
        found = self._filter(depth + 1)
        self._expect(")")
        return found

    def _test(self) -> Test:
        self._tests += 1
        if self._tests > MAX_TESTS:
            raise refusal("search-filter-too-long", NAME, found=self._tests, expected=MAX_TESTS)
        path = self._word("parameter")
        following = self._peek()
        if following is not None and following.text == "[":
            raise refusal("search-filter-brackets", NAME, found=path)
        return Test(path=path, operator=self._word("eq, ne, co, ge"), value=self._value())

    def _word(self, expected: str) -> str:
        piece = self._peek()
        if piece is None or piece.kind != "word":
            raise self._refuse(expected)
        word = _PATH_END.split(piece.text)[0]
        self._at = piece.at + len(word)
        return word

    def _value(self) -> str:
        piece = self._peek()
        if piece is None or piece.kind not in {"text", "word"}:
            raise self._refuse('"text", 2024-01-01, system|code')
        if piece.kind == "word":
            value = piece.text
        else:
            try:
                (value,) = decode_array(f"[{piece.text}]".encode())
            except (InvalidRequest, UnicodeEncodeError) as error:
                raise self._refuse('"text"') from error
        self._take()
        return str(value)

    def _peek(self) -> _Piece | None:
        """Return what comes next; words end before ``)`` and ``]``."""
        found = _PIECE.match(self._text, self._at)
        if found is None or found.lastgroup is None:
            return None if not self._text[self._at :].strip() else _Piece("rest", "", self._at)
        kind, text = found.lastgroup, found[found.lastgroup]
        if kind == "word":
            text = _END_OF_WORD.split(text)[0]
        return _Piece(kind, text, found.start(kind))

    def _take(self) -> None:
        piece = self._peek()
        if piece is not None:
            self._at = piece.at + len(piece.text)

    def _expect(self, mark: str) -> None:
        piece = self._peek()
        if piece is None or piece.text != mark:
            raise self._refuse(mark)
        self._take()

    def _refuse(self, expected: str) -> InvalidRequest:
        rest = self._text[self._at :].strip()
        return refusal("search-filter-invalid", NAME, found=rest[:40] or "-", expected=expected)
