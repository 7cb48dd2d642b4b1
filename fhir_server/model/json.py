"""JSON to the letter: strict decoding, exact decimals, compact encoding.

What is refused at the door and why: https://www.rfc-editor.org/rfc/rfc8259 and
https://hl7.org/fhir/R4/json.html. ``Any`` lives here and nowhere above.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from fhir_server.model.errors import InvalidRequest, TooLarge
from fhir_server.model.issues import issue

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLimits:
    """How much JSON is read at most.

    Attributes:
        max_bytes: Length of the text.
        max_depth: Objects and arrays inside each other.
        max_digits: Digits of one number; more cannot be kept by the stores.
        max_exponent: Distance from zero of a number's exponent.
    """

    max_bytes: int = 5_000_000
    max_depth: int = 64
    max_digits: int = 40
    max_exponent: int = 30


DEFAULT_LIMITS = JsonLimits()

_NEITHER_BRACKETS_NOR_QUOTES = bytes(set(range(256)) - set(b'{}[]"'))
_BRACKETS_ALIKE = bytes.maketrans(b"[]", b"{}")
_OPEN = ord("{")
_SUSPICIOUS_ESCAPE = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_QUOTE, _ESCAPED_QUOTE = b'"', b"\\u0022"
_SHORT = 30
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def json_kind(value: Any) -> str:
    """Name the kind of a JSON value as RFC 8259 does."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "number"


def decode_object(body: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> JsonObject:
    """Decode one JSON object strictly; numbers with a point or exponent become ``Decimal``.

    Args:
        body: UTF-8 text without byte order mark.
        limits: See `JsonLimits`.

    Raises:
        TooLarge: More bytes than ``max_bytes``.
        InvalidRequest: Not UTF-8, not JSON, no object, a duplicate key, a lone surrogate, NUL, NaN
            or Infinity, a number or a nesting over the limits. The issue has line and column where
            the reader knows them.
    """
    value = _decode(body, limits)
    if not isinstance(value, dict):
        raise InvalidRequest.of("json-not-object", found=json_kind(value))
    return value


def decode_array(body: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> list[Any]:
    """Decode one JSON array, such as a JSON Patch, as strictly as `decode_object` does an object.

    Raises:
        TooLarge: More bytes than ``max_bytes``.
        InvalidRequest: As for an object, or it is no array.
    """
    value = _decode(body, limits)
    if not isinstance(value, list):
        raise InvalidRequest.of("json-not-array", found=json_kind(value))
    return value


def _decode(body: bytes, limits: JsonLimits) -> Any:
    if len(body) > limits.max_bytes:
        raise TooLarge.of("body-too-large", found=len(body), expected=limits.max_bytes)
    if body.count(b"{") + body.count(b"[") > limits.max_depth:
        _check_depth(body, limits.max_depth)
    decoder = _decoder(limits)
    value = decoder.decode_plain(body)
    if value is None:
        text = _text(body)
        try:
            value = decoder.decode(text)
        except json.JSONDecodeError as error:
            where = issue("json-syntax", line=error.lineno, column=error.colno, found=error.msg)
            raise InvalidRequest((where,)) from error
    if _SUSPICIOUS_ESCAPE.search(body) is not None:
        _check_characters(value)
    return value


def encode(value: Any) -> bytes:
    """Encode compactly; decimals keep their digits (``1.0300`` stays ``1.0300``)."""
    return _ENCODER.encode(value)


def encode_pretty(value: Any, indent: int = 2) -> bytes:
    """Encode for people, ``indent`` spaces a level."""
    return msgspec.json.format(_ENCODER.encode(value), indent=indent)


def decode_stored(body: bytes) -> JsonObject:
    """Decode what this server itself encoded: no checks, decimals exact."""
    return _STORED.decode(body)  # type: ignore[no-any-return] # stores hold objects only


_STORED = msgspec.json.Decoder(float_hook=Decimal)


class _Decoder:
    """Two readers: msgspec for what has nothing wrong with it, the standard library for the rest.

    msgspec neither sees duplicate keys nor says where an error is. That a key came twice shows
    when the value is written again: the quotes of one key are then fewer. Reading and writing takes
    7 µs for a resource of 1.8 kB, the standard library's scanner with the check in its hook 15.
    """

    def __init__(self, limits: JsonLimits) -> None:
        self._limits = limits
        self._plain = msgspec.json.Decoder(float_hook=self._decimal).decode
        self._too_many_digits = b"0" * (limits.max_digits + 1)
        self.decode = json.JSONDecoder(
            object_pairs_hook=_object,
            parse_float=self._decimal,
            parse_int=self._integer,
            parse_constant=_constant,
        ).decode

    def decode_plain(self, body: bytes) -> Any:
        """Return the value; None: something is wrong with it, or may be."""
        if _ESCAPED_QUOTE in body or self._too_many_digits in body.translate(_DIGITS_ALIKE):
            return None
        try:
            value = self._plain(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return value if encode(value).count(_QUOTE) == body.count(_QUOTE) else None

    def _decimal(self, text: str) -> Decimal:
        number = Decimal(text)
        if len(text) <= _SHORT and "e" not in text and "E" not in text:
            return number  # the usual case, within every limit
        digits, exponent = len(number.as_tuple().digits), number.adjusted()
        if digits > self._limits.max_digits or abs(exponent) > self._limits.max_exponent:
            raise InvalidRequest.of("json-number-too-long", found=text[:60])
        return number

    def _integer(self, text: str) -> int:
        if len(text) > self._limits.max_digits:
            raise InvalidRequest.of("json-number-too-long", found=text[:60])
        return int(text)


@cache
def _decoder(limits: JsonLimits) -> _Decoder:
    """The decoder for some limits; making one costs 30 µs."""
    return _Decoder(limits)


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    value = dict(pairs)
    if len(value) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise InvalidRequest.of(
            "json-duplicate-key", found=next(key for key, count in counts.items() if count > 1)
        )
    return value


def _constant(text: str) -> Any:
    raise InvalidRequest.of("json-not-a-number", found=text)


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest.of("json-not-utf8", found=error.start) from error
    if text.startswith("\ufeff"):
        raise InvalidRequest.of("json-byte-order-mark")
    return text


def _check_depth(body: bytes, max_depth: int) -> None:
    """Peel innermost brackets off, one level a round; a rest at the end is too deep.

    Text whose brackets do not match also leaves a rest: the decoder words that better, unless it
    is deep.
    """
    rest = brackets = _brackets(body)
    for _ in range(max_depth):
        rest = rest.replace(b"{}", b"")
        if not rest:
            return
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket == _OPEN else -1
        if depth > max_depth:
            raise InvalidRequest.of("json-too-deep", expected=max_depth)


def _brackets(body: bytes) -> bytes:
    """Return the brackets outside of strings, arrays' as objects'.

    Most strings leave nothing but two quotes side by side; what then lies between two quotes was in
    a string (``mm[Hg]``). A regular expression takes ten times as long.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    left = body.translate(_BRACKETS_ALIKE, _NEITHER_BRACKETS_NOR_QUOTES).replace(b'""', b"")
    return b"".join(left.split(_QUOTE)[::2])


def _check_characters(value: Any) -> None:
    """Refuse NUL, and half of a surrogate pair, which no UTF-8 text can hold."""
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, str):
            if "\0" in inner:
                raise InvalidRequest.of("json-nul")
            if _SURROGATE.search(inner) is not None:
                raise InvalidRequest.of("json-lone-surrogate")
        elif isinstance(inner, dict):
            waiting += [*inner, *inner.values()]
        elif isinstance(inner, list):
            waiting += inner
