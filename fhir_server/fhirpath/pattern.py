"""Regular expressions whose time grows with the text only, never with tricks in the pattern.

Spec: http://hl7.org/fhirpath/N1/#matchesregex-string-boolean (PCRE; look-around and back
references, which RE2 leaves out, are refused)
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

MAX_PATTERN = 2_000
_GROUP = re.compile(r"\$(?:(\d{1,2})|\{(\w+)\})|\\(.)", re.DOTALL)


def is_found(text: str, regex: str) -> bool:
    """Say whether the pattern matches somewhere in ``text``.

    A set of one pattern answers in 0.3 µs, a search in 2.5, with a match object made for it.
    A set may also say no when its memory runs out, so that only its yes is taken.

    Raises:
        ValueError: It is no pattern of RE2, or too long.
    """
    return bool(_in_set(regex).Match(text)) or _compiled(regex).search(text) is not None


def finder(regex: str) -> Callable[[str], bool]:
    """Return `is_found` for one pattern, which is looked up once.

    Raises:
        ValueError: As `is_found`.
    """
    match, search = _in_set(regex).Match, _compiled(regex).search
    return lambda text: bool(match(text)) or search(text) is not None


def is_whole(text: str, regex: str) -> bool:
    """Say whether the pattern matches the whole of ``text``.

    Raises:
        ValueError: As `is_found`.
    """
    return _compiled(regex).fullmatch(text) is not None


def _options() -> Any:
    """Single-line mode, bounded memory."""
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = 1 << 20
    return options


@lru_cache(maxsize=1024)
def _in_set(regex: str) -> Any:
    _compiled(regex)
    patterns = re2.Set.SearchSet(_options())
    patterns.Add(regex)
    patterns.Compile()
    return patterns


@lru_cache(maxsize=1024)
def _compiled(regex: str) -> Any:
    if len(regex) > MAX_PATTERN:
        raise ValueError(f"<= {MAX_PATTERN}")
    options = _options()
    try:
        return re2.compile(regex, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"RE2: {text:.80}") from error


def substitute(text: str, regex: str, substitution: str, limit: int) -> str:
    """Replace every match; ``$1`` and ``${name}`` stand for groups; a backslash before them: text.

    Raises:
        ValueError: As `is_found`; a group that is not there; a result longer than ``limit``.
    """
    parts: list[str] = []
    size = end = 0
    for match in _compiled(regex).finditer(text):
        piece = text[end : match.start()] + _GROUP.sub(lambda m: _group(match, m), substitution)  # noqa: B023 # called at once
        size += len(piece)
        if size > limit:
            raise ValueError(f"<= {limit}")
        parts.append(piece)
        end = match.end()
    return "".join(parts) + text[end:]


def _group(match: Any, reference: re.Match[str]) -> str:
    number, name, escaped = reference.groups()
    if escaped is not None:
        return escaped
    try:
        return match.group(int(number) if number is not None else name) or ""
    except (IndexError, KeyError) as error:
        raise ValueError(reference.group()) from error
