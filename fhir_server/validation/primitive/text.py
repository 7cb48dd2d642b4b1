"""Scanners for everything that is a JSON string and no date: each is linear in the length.

R4's own expression for base64Binary needs seconds for a hundred characters; these do not backtrack.

Spec: https://hl7.org/fhir/R4/datatypes.html#string, #code, #id, #uri, #oid, #uuid, #base64Binary
"""

import re
from collections.abc import Callable
from typing import Any

from fhir_server.validation.finding import Finding
from fhir_server.validation.primitive.temporal import wrong_json

MAX_STRING = 1024 * 1024
"""Longest string of R4, in characters."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CODE = re.compile(r"[^\s]+(?: [^\s]+)*")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_URI = re.compile(r"[^\s]+")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_OID = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_SPACE = re.compile(r"\s+")
_BASE64_GROUP = 4

Scan = Callable[[Any], Finding | None]


def _string(fhir_type: str) -> Scan:
    def scan(value: Any) -> Finding | None:
        if value.__class__ is str and value.isprintable() and len(value) <= MAX_STRING:
            if value and not value.isspace():
                return None
            return _empty(value)
        if value.__class__ is not str:
            return wrong_json(value, fhir_type, "string")
        return _unusual(value)

    return scan


def _unusual(value: str) -> Finding | None:
    """Judge a string with line breaks, no-break spaces and the like, or a very long one."""
    if not value or value.isspace():
        return _empty(value)
    if len(value) > MAX_STRING:
        return Finding("string-too-big", found=len(value), expected=MAX_STRING)
    control = _CONTROL.search(value)
    if control is not None:
        return Finding(
            "string-control-character", severity="warning", found=f"U+{ord(control[0]):04X}"
        )
    return None


def _empty(value: str) -> Finding:
    if not value:
        return Finding("string-empty", mend=("remove", None))
    return Finding("string-blank", severity="warning")


def _matching(fhir_type: str, form: re.Pattern[str], example: str) -> Scan:
    def scan(value: Any) -> Finding | None:
        if value.__class__ is str:
            if form.fullmatch(value) is not None:
                return None
            return _mismatch(value, fhir_type, form, example)
        return wrong_json(value, fhir_type, "string")

    return scan


def _mismatch(value: str, fhir_type: str, form: re.Pattern[str], example: str) -> Finding:
    if not value or value.isspace():
        return _empty(value)
    finding = Finding("primitive-syntax", found=value, expected=example, fhir_type=fhir_type)
    for better in (_SPACE.sub(" ", value.strip()), value.strip().lower()):
        if form.fullmatch(better) is not None:
            finding.suggestions = (better,)
            finding.mend = ("replace", better)
            break
    return finding


def scan_code(value: Any) -> Finding | None:
    """Words with single spaces between them; most are one word of printable characters."""
    if value.__class__ is str and value and value.isprintable() and " " not in value:
        return None  # 0.1 µs, the expression 0.5
    return _scan_words(value)


def scan_uri(value: Any) -> Finding | None:
    """Anything without white space; urn:uuid: and urn:oid: must be well formed."""
    if value.__class__ is not str:
        return wrong_json(value, "uri", "string")
    if not (value and value.isprintable() and " " not in value) and _URI.fullmatch(value) is None:
        return _mismatch(value, "uri", _URI, "http://example.org/a")
    if value[:4] != "urn:":
        return None
    if value.startswith("urn:uuid:"):
        return scan_uuid(value)
    return scan_oid(value) if value.startswith("urn:oid:") else None


def scan_canonical(value: Any) -> Finding | None:
    """A uri that is absolute, or a fragment that leads to a contained resource.

    HL7's validator refuses others; R4's own examples have them, so here they are a warning.
    """
    finding = scan_uri(value)
    if finding is not None or value[0] == "#" or _ABSOLUTE.match(value) is not None:
        return finding
    return Finding("canonical-not-absolute", severity="warning", found=value)


def scan_base64(value: Any) -> Finding | None:
    """Groups of four characters of the base64 alphabet; white space may stand anywhere."""
    if value.__class__ is not str:
        return wrong_json(value, "base64Binary", "string")
    packed = "".join(value.split())
    if not packed:
        return _empty(value)
    if _BASE64.fullmatch(packed) is not None and len(packed) % _BASE64_GROUP == 0:
        return None
    return Finding("base64-invalid", found=value)


scan_string = _string("string")
scan_markdown = _string("markdown")
_scan_words = _matching("code", _CODE, "final")
scan_id = _matching("id", _ID, "a-1.b")
scan_oid = _matching("oid", _OID, "urn:oid:1.2.804")
scan_uuid = _matching("uuid", _UUID, "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0")
