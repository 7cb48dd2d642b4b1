"""Strings.

Spec: http://hl7.org/fhirpath/N1/#string-manipulation
"""

import base64
import binascii
import html
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from fhir_server.fhirpath import pattern
from fhir_server.fhirpath.compiled import Collection, Compiled, from_many, single
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.functions.registry import (
    BOOLEAN,
    COLLECTION,
    INTEGER,
    STRING,
    TEXT,
    WHOLE,
    Site,
    function,
    scalar,
)
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.number import MAX_TEXT


@scalar("indexOf", spec="5.6.1", takes=TEXT, args=(TEXT,), result=WHOLE)
def index_of(text: str, part: str) -> int:
    """Return where ``part`` stands first; -1: nowhere."""
    return text.find(part)


@scalar("lastIndexOf", spec="5.6.1", takes=TEXT, args=(TEXT,), result=WHOLE)
def last_index_of(text: str, part: str) -> int:
    """Return where ``part`` stands last; -1: nowhere."""
    return text.rfind(part)


@scalar("substring", spec="5.6.2", takes=TEXT, args=(INTEGER, INTEGER), required=1, result=STRING)
def substring(text: str, start: int, length: int | None = None) -> str | None:
    """Return the part that begins at ``start``; empty where that lies outside."""
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + max(length, 0)]


@scalar("startsWith", spec="5.6.3", takes=TEXT, args=(TEXT,), result=BOOLEAN)
def starts_with(text: str, part: str) -> bool:
    """Say whether ``text`` begins with ``part``."""
    return text.startswith(part)


@scalar("endsWith", spec="5.6.4", takes=TEXT, args=(TEXT,), result=BOOLEAN)
def ends_with(text: str, part: str) -> bool:
    """Say whether ``text`` ends with ``part``."""
    return text.endswith(part)


@scalar("contains", spec="5.6.5", takes=TEXT, args=(TEXT,), result=BOOLEAN)
def contains(text: str, part: str) -> bool:
    """Say whether ``part`` stands somewhere in ``text``."""
    return part in text


@scalar("upper", spec="5.6.6", takes=TEXT, result=STRING)
def upper(text: str) -> str:
    """Write in capitals."""
    return text.upper()


@scalar("lower", spec="5.6.7", takes=TEXT, result=STRING)
def lower(text: str) -> str:
    """Write in small letters."""
    return text.lower()


@scalar("replace", spec="5.6.8", takes=TEXT, args=(TEXT, TEXT), result=STRING)
def replace(text: str, part: str, substitution: str) -> str:
    """Put ``substitution`` for every ``part``; for "" around every character."""
    if len(text) + text.count(part) * len(substitution) > MAX_TEXT:
        raise ValueError(f"<= {MAX_TEXT}")
    return text.replace(part, substitution)


@scalar("matches", spec="5.6.9", takes=TEXT, args=(TEXT,), result=BOOLEAN)
def matches(text: str, regex: str) -> bool:
    """Say whether the pattern is found; ``.`` matches line ends too."""
    return pattern.is_found(text, regex)


@scalar("matchesFull", spec="5.6.9", takes=TEXT, args=(TEXT,), result=BOOLEAN)
def matches_full(text: str, regex: str) -> bool:
    """Say whether the pattern matches the whole text."""
    return pattern.is_whole(text, regex)


@scalar("replaceMatches", spec="5.6.10", takes=TEXT, args=(TEXT, TEXT), result=STRING)
def replace_matches(text: str, regex: str, substitution: str) -> str:
    """Put ``substitution`` (with ``$1``, ``${name}``) for every match; "" matches nothing."""
    if not regex:
        return text
    return pattern.substitute(text, regex, substitution, MAX_TEXT)


@scalar("length", spec="5.6.11", takes=TEXT, result=WHOLE)
def length(text: str) -> int:
    """Count the characters."""
    return len(text)


@scalar("toChars", spec="5.6.12", takes=TEXT, result=STRING)
def to_chars(text: str) -> list[str]:
    """Return each character by itself."""
    return list(text)


@scalar("trim", spec="5.6", takes=TEXT, result=STRING)
def trim(text: str) -> str:
    """Take away white space at both ends."""
    return text.strip()


@scalar("split", spec="5.6", takes=TEXT, args=(TEXT,), result=STRING)
def split(text: str, separator: str) -> list[str]:
    """Return the parts between separators."""
    return text.split(separator) if separator else list(text)


@function("join", spec="5.6", args=(COLLECTION,), required=0, result=STRING)
def join(site: Site, separator: Compiled | None) -> Compiled:
    """Put the strings into one, with the separator between them."""
    source, offset = site.source.many, site.offset

    def many(focus: Collection, scope: Scope) -> Collection:
        mark = (
            None
            if separator is None
            else single(separator.many(scope.this, scope), offset, "join()")
        )
        items = source(focus, scope)
        texts = [item.value for item in items if item.value is not None]
        if not texts:
            return []
        if not all(isinstance(text, str) for text in texts):
            raise site.fault(items[0].fhir_type, "String")
        between = "" if mark is None else str(mark.value)
        if sum(map(len, texts)) + len(between) * len(texts) > MAX_TEXT:
            raise site.fault(len(texts), f"<= {MAX_TEXT}")
        return [Node(between.join(texts), "System.String")]

    return from_many(many, offset, reads_scope=True)


_ENCODE: Mapping[str, Callable[[bytes], str]] = MappingProxyType(
    {
        "hex": lambda data: data.hex(),
        "base64": lambda data: base64.b64encode(data).decode(),
        "urlbase64": lambda data: base64.urlsafe_b64encode(data).decode(),
    }
)
_DECODE: Mapping[str, Callable[[str], bytes]] = MappingProxyType(
    {
        "hex": bytes.fromhex,
        "base64": lambda text: base64.b64decode(text, validate=True),
        "urlbase64": lambda text: base64.b64decode(text, altchars=b"-_", validate=True),
    }
)


@scalar("encode", spec="5.6 (STU)", takes=TEXT, args=(TEXT,), result=STRING)
def encode(text: str, format_: str) -> str | None:
    """Write the text's UTF-8 as ``hex``, ``base64`` or ``urlbase64``."""
    convert = _ENCODE.get(format_)
    return None if convert is None else convert(text.encode())


@scalar("decode", spec="5.6 (STU)", takes=TEXT, args=(TEXT,), result=STRING)
def decode(text: str, format_: str) -> str | None:
    """Read what `encode` writes; empty where it is no such text."""
    convert = _DECODE.get(format_)
    try:
        return None if convert is None else convert(text).decode()
    except (binascii.Error, ValueError):
        return None


@scalar("escape", spec="5.6 (STU)", takes=TEXT, args=(TEXT,), result=STRING)
def escape(text: str, target: str) -> str | None:
    """Escape for ``html`` or ``json``."""
    if target == "html":
        return html.escape(text, quote=True).replace("&#x27;", "'")
    return json.dumps(text, ensure_ascii=False)[1:-1] if target == "json" else None


@scalar("unescape", spec="5.6 (STU)", takes=TEXT, args=(TEXT,), result=STRING)
def unescape(text: str, target: str) -> str | None:
    """Undo `escape`; empty where ``text`` is not well escaped."""
    if target == "html":
        return html.unescape(text)
    try:
        return str(json.loads(f'"{text}"', strict=False)) if target == "json" else None
    except json.JSONDecodeError:
        return None
