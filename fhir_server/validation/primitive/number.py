"""Scanners for booleans and numbers: kind of JSON value and range.

Spec: https://hl7.org/fhir/R4/datatypes.html#integer, #unsignedInt, #positiveInt, #decimal, #boolean
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir_server.validation.finding import Finding
from fhir_server.validation.primitive.temporal import wrong_json

_LEAST, _GREATEST = -(2**31), 2**31 - 1
_DECIMAL_TEXT = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?")
_INTEGER_TEXT = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")


def scan_boolean(value: Any) -> Finding | None:
    """True or false, no strings."""
    if value.__class__ is bool:
        return None
    finding = wrong_json(value, "boolean", "true/false")
    if value in ("true", "false"):
        finding.mend = ("replace", value == "true")
    return finding


def scan_decimal(value: Any) -> Finding | None:
    """Any JSON number; how many digits is decided where the text is read."""
    if value.__class__ in _NUMBERS:
        return None
    finding = wrong_json(value, "decimal", "number")
    if isinstance(value, str) and _DECIMAL_TEXT.fullmatch(value):
        finding.mend = ("replace", Decimal(value))
    return finding


def _whole(fhir_type: str, least: int) -> Callable[[Any], Finding | None]:
    def scan(value: Any) -> Finding | None:
        if value.__class__ is int:
            if least <= value <= _GREATEST:
                return None
            return Finding(
                "number-out-of-range",
                found=value,
                expected=f"{least} … {_GREATEST}",
                fhir_type=fhir_type,
            )
        if value.__class__ in _NUMBERS:
            return Finding("primitive-syntax", found=value, expected="5", fhir_type=fhir_type)
        finding = wrong_json(value, fhir_type, "number")
        if isinstance(value, str) and _INTEGER_TEXT.fullmatch(value):
            number = int(value)
            if least <= number <= _GREATEST:
                finding.mend = ("replace", number)
        return finding

    return scan


_NUMBERS = frozenset((int, Decimal, float))

scan_integer = _whole("integer", _LEAST)
scan_unsigned_int = _whole("unsignedInt", 0)
scan_positive_int = _whole("positiveInt", 1)
