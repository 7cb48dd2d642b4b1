"""JSON Patch on JSON text: what is not patched keeps its indentation, order and line ends.

Spec: https://www.rfc-editor.org/rfc/rfc6902
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_server.model import decode_object, encode

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_SCALAR = re.compile(r'[^\s,\]}"]+')


@dataclass(slots=True)
class _Span:
    """Where a value stands, and of a member its key; its own parts by key or index."""

    start: int
    end: int = 0
    key_start: int | None = None
    key_end: int = 0
    parts: "dict[str, _Span]" = field(default_factory=dict)

    @property
    def whole_start(self) -> int:
        return self.start if self.key_start is None else self.key_start


def apply_to_text(text: str, patch: Iterable[Mapping[str, Any]]) -> str:
    """Return the text with a patch applied that fits it.

    Args:
        text: JSON that was decoded without error.
        patch: ``replace``, ``remove``, ``add`` to an object, ``move`` within an object.
    """
    for step in patch:
        text = _OPERATIONS[step["op"]](text, _Reader(text).read(), step)
    return text


def _replace(text: str, root: _Span, step: Mapping[str, Any]) -> str:
    span = _find(root, step["path"])[-1]
    old, value = text[span.start : span.end], step["value"]
    new = _written(value)
    held = decode_object(f'{{"held": {old}}}'.encode())["held"]
    if value == [held]:
        new = f"[{old}]"
    elif held == [value]:
        inner = span.parts["0"]
        new = text[inner.start : inner.end]
    return text[: span.start] + new + text[span.end :]


def _remove(text: str, root: _Span, step: Mapping[str, Any]) -> str:
    """Remove a member or item with one comma: the one behind it, or the one before the last."""
    *_, around, span = _find(root, step["path"])
    parts = list(around.parts.values())
    at = parts.index(span)
    if at + 1 < len(parts):
        return text[: span.whole_start] + text[parts[at + 1].whole_start :]
    start = parts[at - 1].end if at else around.start + 1
    end = span.end if at else around.end - 1
    return text[:start] + text[end:]


def _add(text: str, root: _Span, step: Mapping[str, Any]) -> str:
    """Add a member behind the last one, set off as that is."""
    parent, _, name = step["path"].rpartition("/")
    around = _find(root, parent)[-1]
    member = f"{_written(_unescape(name))}: {_written(step['value'])}"
    if not around.parts:
        return text[: around.start + 1] + member + text[around.end - 1 :]
    parts = list(around.parts.values())
    before = parts[-2].end if len(parts) > 1 else around.start
    gap = text[before + 1 : parts[-1].whole_start].lstrip(",")
    return f"{text[: parts[-1].end]},{gap}{member}{text[parts[-1].end :]}"


def _move(text: str, root: _Span, step: Mapping[str, Any]) -> str:
    """Write another name in the place of the old one."""
    span = _find(root, step["from"])[-1]
    if span.key_start is None:
        raise ValueError("only members are renamed")
    name = _written(_unescape(step["path"].rpartition("/")[2]))
    return text[: span.key_start] + name + text[span.key_end :]


_OPERATIONS = {"replace": _replace, "remove": _remove, "add": _add, "move": _move}


def _written(value: Any) -> str:
    """Write a value in one line, as people do: a space after colons and commas."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_written(k)}: {_written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    return encode(value).decode()


def _unescape(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def _find(root: _Span, pointer: str) -> list[_Span]:
    """Return the spans from the root to the place of a pointer."""
    found = [root]
    for step in pointer.split("/")[1:]:
        found.append(found[-1].parts[_unescape(step)])
    return found


class _Reader:
    """Reads where every value of a text stands."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> _Span:
        return self._value(self._skip(0))

    def _value(self, at: int) -> _Span:
        span = _Span(at)
        opening = self._text[at]
        if opening == "{":
            self._members(span)
        elif opening == "[":
            self._items(span)
        else:
            span.end = self._after(_STRING if opening == '"' else _SCALAR, at)
        return span

    def _members(self, span: _Span) -> None:
        at = self._skip(span.start + 1)
        while self._text[at] != "}":
            key_end = self._after(_STRING, at)
            member = self._value(self._skip(self._skip(key_end) + 1))
            member.key_start, member.key_end = at, key_end
            span.parts[json.loads(self._text[at:key_end])] = member
            at = self._next(member.end)
        span.end = at + 1

    def _items(self, span: _Span) -> None:
        at = self._skip(span.start + 1)
        while self._text[at] != "]":
            item = self._value(at)
            span.parts[str(len(span.parts))] = item
            at = self._next(item.end)
        span.end = at + 1

    def _next(self, at: int) -> int:
        at = self._skip(at)
        return self._skip(at + 1) if self._text[at] == "," else at

    def _skip(self, at: int) -> int:
        return self._after(_SPACE, at)

    def _after(self, pattern: re.Pattern[str], at: int) -> int:
        found = pattern.match(self._text, at)
        if found is None:
            raise ValueError(f"no JSON at offset {at}")
        return found.end()
