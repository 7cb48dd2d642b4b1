"""Text to tokens.

Spec: http://hl7.org/fhirpath/N1/grammar.html
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from fhir_server.fhirpath.errors import Fault

Kind = Literal[
    "identifier",
    "delimited",
    "string",
    "number",
    "temporal",
    "special",
    "variable",
    "symbol",
    "end",
]

_DELIMITED = r"` (?: [^`\\] | \\. )* `"
_STRING = r"' (?: [^'\\] | \\. )* '"
_DATE = r"\d{4} (?: -\d\d (?: -\d\d )? )?"
_TIME = r"\d\d (?: :\d\d (?: :\d\d (?: \.\d+ )? )? )?"
_ZONE = r"(?: Z | [+-]\d\d:\d\d )"
_TOKEN = re.compile(
    rf"""
      (?P<space>     (?: \s+ | //[^\r\n]* | /\*.*?\*/ )+ )
    | (?P<temporal>  @ (?: T {_TIME} | {_DATE} (?: T (?: {_TIME} {_ZONE}? )? )? ) )
    | (?P<number>    \d+ (?: \.\d+ )? )
    | (?P<identifier>[A-Za-z_][A-Za-z0-9_]* )
    | (?P<delimited> {_DELIMITED} )
    | (?P<string>    {_STRING} )
    | (?P<special>   \$[A-Za-z]+ )
    | (?P<variable>  % (?: [A-Za-z_][A-Za-z0-9_\-]* | {_DELIMITED} | {_STRING} ) )
    | (?P<symbol>    <= | >= | != | !~ | /(?!\*) | [-+*&|.,()\[\]{{}}<>=~] )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPED_AS_IS = frozenset("'\"`\\/")


class Token(NamedTuple):
    """A piece of the text; in strings and delimited identifiers the escapes are resolved."""

    kind: Kind
    text: str
    offset: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of ``text``, an ``end`` token last.

    Raises:
        Fault: A character or an escape that FHIRPath does not know, or something left open.
    """
    offset = 0
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None:
            raise _unknown(text, offset)
        kind = match.lastgroup
        if kind != "space":
            yield _token(kind, match.group(), offset)  # type: ignore[arg-type] # the groups are the kinds
        offset = match.end()
    yield Token("end", "", offset)


def unescape(text: str, offset: int = 0) -> str:
    r"""Resolve ``\'``, ``\n``, ``\u0041`` … (http://hl7.org/fhirpath/N1/#string).

    Raises:
        Fault: An escape that FHIRPath does not know; ``offset`` is where ``text`` starts.
    """
    if "\\" not in text:
        return text

    def resolve(match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) > 1:
            return chr(int(code[1:], 16))
        if code in _ESCAPED_AS_IS:
            return code
        if code not in _ESCAPES:
            raise Fault(
                "fhirpath-literal",
                offset + match.start(),
                found="\\" + code,
                expected="\\' \\\" \\` \\\\ \\/ \\f \\n \\r \\t \\uXXXX",
            )
        return _ESCAPES[code]

    resolved = _ESCAPE.sub(resolve, text)
    try:
        return resolved.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        found, expected = "\\u", "\\uD83D\\uDE00"
        raise Fault("fhirpath-literal", offset, found=found, expected=expected) from error


def _token(kind: Kind, text: str, offset: int) -> Token:
    if kind in {"string", "delimited"}:
        return Token(kind, unescape(text[1:-1], offset + 1), offset)
    if kind == "variable":
        name = text[1:]
        quoted = name[0] in "`'"
        return Token(kind, unescape(name[1:-1], offset + 2) if quoted else name, offset)
    return Token(kind, text, offset)


def _unknown(text: str, offset: int) -> Fault:
    opening = text[offset : offset + 2]
    if opening == "/*":
        return Fault("fhirpath-syntax", offset, found="/*", expected="*/")
    if opening[0] in "'`":
        return Fault("fhirpath-syntax", offset, found=opening[0], expected=f"… {opening[0]}")
    return Fault("fhirpath-syntax", offset, found=repr(opening[0]), expected="term | operator")
