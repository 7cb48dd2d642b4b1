"""Search by words: ``_text`` looks into the narrative, ``_content`` into all a resource says.

Each word is an index value like any other, so that both stores answer by the index they have. A
word of a query finds what begins with it: «діабет» finds «діабету», as no stemmer of either
database knows Ukrainian. Decision: docs/decisions/0055-words-as-index-values.md

Spec: https://hl7.org/fhir/R4/search.html#text and https://hl7.org/fhir/R4/search.html#content
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape as unescape_html
from typing import Any, Literal, cast, get_args

from fhir_server.model import JsonObject
from fhir_server.search.clause import Question, unescape
from fhir_server.search.fold import fold
from fhir_server.search.gathered import Gathered, Writer
from fhir_server.search.tree import And, Node, Not, Or, StringMatch
from fhir_server.search.values import StringValue

FullText = Literal["off", "narrative", "content"]
"""What is indexed by words: nothing, narratives, or narratives and everything else too."""

NARRATIVE = "_text"
CONTENT = "_content"
MAX_WORDS = 5_000
"""Different words of one resource; what follows them is not found by them."""
MAX_ASKED = 50
MAX_LENGTH = 60
SHORT = 3
"""Shorter words must be whole: what begins with one letter is half of everything."""

_WORD = re.compile(r"[^\W_]+")
_TAG = re.compile(r"<[^>]*>")
_NO_WORDS = frozenset(
    {
        "contentType", "data", "div", "id", "lastUpdated", "profile", "reference", "resourceType",
        "system", "url", "versionId",
    }
)  # fmt: skip
"""Properties that hold links, dates and bytes; the narrative is taken without its tags."""
_PIECE = re.compile(r'\s*(?:(?P<mark>[()])|"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))')


def offered(mode: FullText) -> frozenset[str]:
    """Return the parameters that can be asked in a mode."""
    return frozenset((NARRATIVE, CONTENT)[: get_args(FullText).index(mode)])


def writers(mode: FullText) -> tuple[Writer, ...]:
    """Return what indexes whole resources by words."""
    found = {NARRATIVE: _write_narrative, CONTENT: _write_content}
    return tuple(found[code] for code in sorted(offered(mode), reverse=True))


def _write_narrative(resource: Any, into: Gathered) -> None:
    _add(NARRATIVE, (_narrative(resource),), into)


def _write_content(resource: Any, into: Gathered) -> None:
    _add(CONTENT, (_narrative(resource), *_texts(resource)), into)


def _add(parameter: str, texts: Iterable[str], into: Gathered) -> None:
    words: dict[str, None] = {}
    for text in texts:
        for word in words_of(text):
            words[word] = None
        if len(words) > MAX_WORDS:
            break
    into.found.extend(StringValue(parameter, word, "") for word in words)


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are compared."""
    return [word[:MAX_LENGTH] for word in _WORD.findall(fold(text))]


def _narrative(resource: JsonObject) -> str:
    div = (resource.get("text") or {}).get("div")
    return unescape_html(_TAG.sub(" ", div)) if div.__class__ is str else ""


def _texts(value: Any) -> Iterator[str]:
    """Yield what people or systems wrote, contained resources included."""
    if value.__class__ is dict:
        for name, inner in value.items():
            if name not in _NO_WORDS:
                yield from _texts(inner)
    elif value.__class__ is list:
        for inner in value:
            yield from _texts(inner)
    elif value.__class__ is str:
        yield value


def match(question: Question) -> Node:
    """Read words: all must occur; ``or``, ``not``, parentheses and ``"whole words"`` are known."""
    found = [_Words(question, unescape(value)).whole() for value in question.alternatives]
    return found[0] if len(found) == 1 else Or(parts=tuple(found))


class _Words:
    """One query of words while it is read."""

    def __init__(self, question: Question, text: str) -> None:
        self._question = question
        self._text = text
        self._pieces = [
            (cast(str, found.lastgroup), found[cast(str, found.lastgroup)])
            for found in _PIECE.finditer(text)
        ]
        self._at = 0
        self._asked = 0

    def whole(self) -> Node:
        found = self._any()
        if self._at < len(self._pieces):
            self._refuse()
        return found

    def _any(self) -> Node:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(parts=tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        while self._takes("and") or self._goes_on():
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(parts=tuple(parts))

    def _goes_on(self) -> bool:
        piece = self._peek()
        return piece is not None and piece != ("mark", ")") and not _is(piece, "or")

    def _one(self) -> Node:
        if self._takes("not"):
            return Not(part=self._one())
        piece = self._peek() or ("", "")
        if piece in {("", ""), ("mark", ")")} or _is(piece, "and") or _is(piece, "or"):
            self._refuse()
        self._at += 1
        kind, text = piece
        if kind == "mark":
            inside = self._any()
            if self._peek() != ("mark", ")"):
                self._refuse()
            self._at += 1
            return inside
        return self._occurs(text, is_whole=kind == "phrase")

    def _occurs(self, text: str, *, is_whole: bool) -> Node:
        words = words_of(text)
        self._asked += len(words)
        if not words:
            raise self._question.refuse("search-string-empty", found=text)
        if self._asked > MAX_ASKED:
            raise self._question.too_costly("search-too-many-alternatives", expected=MAX_ASKED)
        parts = [self._word(word, is_whole=is_whole) for word in words]
        return parts[0] if len(parts) == 1 else And(parts=tuple(parts))

    def _word(self, word: str, *, is_whole: bool) -> Node:
        mode: Literal["equal", "prefix"] = "equal" if is_whole or len(word) < SHORT else "prefix"
        return StringMatch(parameter=self._question.parameter, mode=mode, values=(word,))

    def _takes(self, operator: str) -> bool:
        piece = self._peek()
        if piece is None or not _is(piece, operator):
            return False
        self._at += 1
        return True

    def _peek(self) -> tuple[str, str] | None:
        return self._pieces[self._at] if self._at < len(self._pieces) else None

    def _refuse(self) -> None:
        raise self._question.refuse("search-words-invalid", found=self._text)


def _is(piece: tuple[str, str], operator: str) -> bool:
    return piece[0] == "word" and piece[1].lower() == operator
