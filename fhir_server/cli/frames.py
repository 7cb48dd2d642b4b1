"""Findings as people read them at a terminal: level, rule, sentence, the line with a mark, help.

Shape: the frames of rustc (https://rustc-dev-guide.rust-lang.org/diagnostics.html). Colour comes
later and only for a terminal (`paint`), so that a frame is plain text to everybody else.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.model import Issue, Language, encode

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
        "information": "примітка",
    },
}
LABELS: dict[Language, dict[str, str]] = {
    "en": {
        "place": "place",
        "source": "rule",
        "expected": "expected",
        "condition": "must be true",
        "choice": "perhaps",
        "fix": "safe fix (--fix)",
        "more": "more",
    },
    "uk": {
        "place": "місце",
        "source": "правило",
        "expected": "очікується",
        "condition": "має виконуватися",
        "choice": "можливо",
        "fix": "безпечна правка (--fix)",
        "more": "докладніше",
    },
}
CHANGES: dict[Language, dict[str, str]] = {
    "en": {
        "replace": "replace it with {value}",
        "remove": "remove {path}",
        "move": "rename it to {name}",
        "add": "add {name}: {value}",
    },
    "uk": {
        "replace": "замінити на {value}",
        "remove": "прибрати {path}",
        "move": "перейменувати на {name}",
        "add": "додати {name}: {value}",
    },
}
MAX_WIDTH = 100
_SHORT = 60
_NAMED_BY_KEY = frozenset(("property-unknown", "comments-not-allowed"))
_NOT_SHOWN = _NAMED_BY_KEY | {"cardinality-min", "cardinality-max", "slice-missing"}
"""Rules whose sentence says what was expected better than a bare word would."""
_CONDITIONAL = frozenset(("invariant-failed", "extension-context-invariant"))
"""Rules that expect a FHIRPath expression to be true."""

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


def change(step: Mapping[str, Any], language: Language) -> str:
    """Say in words what one step of a JSON Patch does."""
    value = encode(step["value"]).decode() if "value" in step else ""
    if len(value) > _SHORT:
        value = value[: _SHORT - 1] + "…"
    path = str(step["path"])
    name = path.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    return CHANGES[language][step["op"]].format(value=value, path=path, name=name)


def _lines(issue: Issue, file: str, text: str, language: Language) -> Iterator[str]:
    labels = LABELS[language]
    level = LEVELS[language][issue.severity]
    yield f"{level}[{issue.rule}]: {issue.text.in_language(language)}"
    margin = " "
    if issue.line is not None and issue.column is not None:
        margin = " " * len(str(issue.line))
        yield f"{margin} ┌─ {file}:{issue.line}:{issue.column}"
        yield from _picture(issue, text, margin, _label(issue, labels))
    else:
        yield f"{margin} ┌─ {file}"
    for name, value in _notes(issue, language):
        yield f"{margin} = {labels[name]}: {value}"


def _notes(issue: Issue, language: Language) -> Iterator[tuple[str, str]]:
    if issue.expression:
        yield "place", issue.expression
    if issue.source:
        yield "source", issue.source
    if issue.expected and not _label(issue, LABELS[language]) and issue.rule not in _NOT_SHOWN:
        yield _expectation(issue), issue.expected
    if issue.patch:
        yield "fix", "; ".join(change(step, language) for step in issue.patch)
    yield "more", f"fhir-server explain {issue.rule}"


def _label(issue: Issue, labels: Mapping[str, str]) -> str:
    """What stands behind the mark: the nearest choice, or what would have been right if short."""
    if issue.suggestions:
        return f" {labels['choice']}: {', '.join(issue.suggestions)}"
    expected = issue.expected
    if expected is None or issue.rule in _NOT_SHOWN or not _is_shown(expected):
        return ""
    return f" {labels[_expectation(issue)]}: {expected}"


def _expectation(issue: Issue) -> str:
    return "condition" if issue.rule in _CONDITIONAL else "expected"


def _is_shown(expected: str) -> bool:
    return len(expected) <= _SHORT and "\n" not in expected and "://" not in expected


def _picture(issue: Issue, text: str, margin: str, label: str) -> Iterator[str]:
    """The line of the file, cut around the column where it is long, and a mark under the value."""
    assert issue.line is not None  # noqa: S101 # the caller asks first
    assert issue.column is not None  # noqa: S101 # the caller asks first
    lines = text.split("\n")
    if issue.line > len(lines):
        return
    content = lines[issue.line - 1].rstrip("\r").replace("\t", " ")
    at = issue.column - 1
    width = _width(content[at:])
    if issue.rule in _NAMED_BY_KEY:
        at, width = _with_key(content, at, width)
    start = max(0, at - MAX_WIDTH // 2) if len(content) > MAX_WIDTH else 0
    shown = content[start : start + MAX_WIDTH]
    mark = min(width, max(1, len(shown) - (at - start)))
    yield f"{margin} │"
    yield f"{issue.line} │ {shown}"
    yield f"{margin} │ {' ' * (at - start)}{'^' * mark}{label}"
    yield f"{margin} │"


def _with_key(content: str, at: int, width: int) -> tuple[int, int]:
    """Widen the mark to the name before the value, which is what is wrong."""
    before = content[:at].rstrip().removesuffix(":").rstrip()
    if not before.endswith('"'):
        return at, width
    start = before.rfind('"', 0, len(before) - 1)
    return (at, width) if start < 0 else (start, len(before) - start)


def _width(rest: str) -> int:
    """Length of the scalar or the XML tag that ``rest`` starts with; 1 for an object or array."""
    if rest.startswith('"'):
        end = rest.find('"', 1)
        while end > 0 and rest[end - 1] == "\\":
            end = rest.find('"', end + 1)
        return end + 1 if end > 0 else 1
    if rest.startswith("<"):
        return rest.find(">") + 1 or len(rest.rstrip())
    if rest[:1] in {"{", "["}:
        return 1
    scalar = _SCALAR.match(rest)
    return scalar.end() if scalar else 1
