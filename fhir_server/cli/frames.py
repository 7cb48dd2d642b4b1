"""Findings as people read them at a terminal: level, rule, sentence, the line with a mark.

Shape: the frames of rustc (https://rustc-dev-guide.rust-lang.org/diagnostics.html).
"""

import re
from collections.abc import Iterator

from fhir_server.model import Issue, Language

LEVELS: dict[Language, dict[str, str]] = {
    "en": {
        "fatal": "error",
        "error": "error",
        "warning": "warning",
        "information": "note",
    },
    "uk": {
        "fatal": "помилка",
        "error": "помилка",
        "warning": "попередження",
        "information": "до відома",
    },
}
LABELS: dict[Language, dict[str, str]] = {
    "en": {"place": "place", "source": "rule", "choice": "perhaps"},
    "uk": {"place": "місце", "source": "правило", "choice": "можливо"},
}
MAX_WIDTH = 100
_SCALAR = re.compile(r"[^\s,\]}]+")


def frame(issue: Issue, file: str, text: str, language: Language) -> str:
    """Write one finding as a frame of several lines.

    Args:
        issue: The finding; without line it has no picture of the file.
        file: The name to show.
        text: What the file holds.
        language: Of the labels and the sentence.
    """
    return "\n".join(_lines(issue, file, text, language))


def _lines(issue: Issue, file: str, text: str, language: Language) -> Iterator[str]:
    labels = LABELS[language]
    level = LEVELS[language][issue.severity]
    yield f"{level}[{issue.rule}]: {issue.text.in_language(language)}"
    margin = " "
    if issue.line is not None and issue.column is not None:
        margin = " " * len(str(issue.line))
        yield f"{margin} ┌─ {file}:{issue.line}:{issue.column}"
        yield from _picture(text, issue.line, issue.column, margin)
    else:
        yield f"{margin} ┌─ {file}"
    if issue.expression:
        yield f"{margin} = {labels['place']}: {issue.expression}"
    if issue.source:
        yield f"{margin} = {labels['source']}: {issue.source}"
    if issue.suggestions:
        yield f"{margin} = {labels['choice']}: {', '.join(issue.suggestions)}"


def _picture(text: str, line: int, column: int, margin: str) -> Iterator[str]:
    """The line of the file, cut around the column where it is long, and a mark under the value."""
    lines = text.split("\n")
    if line > len(lines):
        return
    content, at = lines[line - 1].rstrip("\r").replace("\t", " "), column - 1
    start = max(0, at - MAX_WIDTH // 2) if len(content) > MAX_WIDTH else 0
    shown = content[start : start + MAX_WIDTH]
    mark = min(_width(content[at:]), max(1, len(shown) - (at - start)))
    yield f"{margin} │"
    yield f"{line} │ {shown}"
    yield f"{margin} │ {' ' * (at - start)}{'^' * mark}"


def _width(rest: str) -> int:
    """Length of the scalar that ``rest`` starts with; 1 for an object or array."""
    if rest.startswith('"'):
        end = rest.find('"', 1)
        while end > 0 and rest[end - 1] == "\\":
            end = rest.find('"', end + 1)
        return end + 1 if end > 0 else 1
    if rest[:1] in {"{", "["}:
        return 1
    scalar = _SCALAR.match(rest)
    return scalar.end() if scalar else 1
