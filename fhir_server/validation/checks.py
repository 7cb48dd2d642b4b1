"""Registered checks: what the national profiles ask and FHIRPath cannot say.

A profile's element names one with the extension
``…/StructureDefinition/registered-check``; identifiers are also known by their
system. A check gets the value and the resource around it and returns a finding or None; a value of
the wrong JSON kind is not its concern.

The algorithms are those of the registers (РНОКПП, ЄДРПОУ, УНЗР) and of ЕСОЗ's number generators.
"""

import re
from collections.abc import Callable, Mapping
from operator import mul
from types import MappingProxyType
from typing import Any

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding
from fhir_server.validation.primitive import SCANNERS

CheckFunction = Callable[[Any, JsonObject], Finding | None]

_SID = "/sid/"  # below any canonical base: `fhir-server profile rebase` gives it another
_DOCUMENT_TYPE = "/CodeSystem/document-type"
_registered: dict[str, CheckFunction] = {}

_RNOKPP_WEIGHTS = (-1, 5, 7, 9, 4, 6, 10, 5, 7)
_MRZ_WEIGHTS = (7, 3, 1) * 4
_OVERFLOW = 10
_NUMBER_ALPHABET = "0A1E2H3K4M5P6T7X89"

_TEN_DIGITS = re.compile(r"[0-9]{10}")
_EDRPOU = re.compile(r"[0-9]{8}")
_UNZR = re.compile(r"[0-9]{8}-[0-9]{5}")
_PHONE = re.compile(r"\+[0-9]{11,12}")
_PRESCRIPTION = re.compile(rf"000[0-9](?:-[{_NUMBER_ALPHABET}]{{4}}){{3}}")
_REFERRAL = re.compile(r"[0-9]{4}(?:-[0-9]{4}){3}")

_SERIES_AND_SIX = (re.compile(r"[А-ЩЬЮЯЁЇІЄҐЫЭЪ]{2}[0-9]{6}"), "АБ123456")
_PERMIT = (
    re.compile(r"[А-ЩЬЮЯЁЇІЄҐA-Z]{2}[0-9]{4,6}|[0-9]{9}|[А-ЩЬЮЯЁЇІЄҐA-Z]{2}[0-9]{5}/[0-9]{5}"),
    "123456789",
)
_FREE = (re.compile(r"\S.{0,23}\S"), "І-АБ123456")
_DOCUMENTS: Mapping[str, tuple[re.Pattern[str], str]] = MappingProxyType(
    {
        "PASSPORT": _SERIES_AND_SIX,
        "NATIONAL_ID": (re.compile(r"[0-9]{9}"), "123456789"),
        "COMPLEMENTARY_PROTECTION_CERTIFICATE": _SERIES_AND_SIX,
        "REFUGEE_CERTIFICATE": _SERIES_AND_SIX,
        "PERMANENT_RESIDENCE_PERMIT": _PERMIT,
        "TEMPORARY_CERTIFICATE": _PERMIT,
        "TEMPORARY_PASSPORT": _FREE,
        "BIRTH_CERTIFICATE": _FREE,
    }
)


def check(name: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check under the id that profiles use."""

    def register(function: CheckFunction) -> CheckFunction:
        _registered[name] = function
        return function

    return register


@check("rnokpp-checksum")
def check_rnokpp(value: Any, _resource: JsonObject) -> Finding | None:
    """Ten digits, the last of them the control digit."""
    if not isinstance(value, str):
        return None
    if _TEN_DIGITS.fullmatch(value) is None or value == "0000000000":
        return Finding("rnokpp-form", found=value, expected="2534157686")
    control = sum(map(mul, _RNOKPP_WEIGHTS, map(int, value))) % 11 % _OVERFLOW
    if control == int(value[9]):
        return None
    return Finding("rnokpp-checksum", found=value, expected=control)


@check("edrpou-checksum")
def check_edrpou(value: Any, _resource: JsonObject) -> Finding | None:
    """Eight digits with a control digit; sole traders use their РНОКПП."""
    if not isinstance(value, str):
        return None
    if _TEN_DIGITS.fullmatch(value) is not None:
        return check_rnokpp(value, _resource)
    if _EDRPOU.fullmatch(value) is None:
        return Finding("edrpou-form", found=value, expected="42032422")
    control = _edrpou_control(value)
    if control == int(value[7]):
        return None
    return Finding("edrpou-checksum", found=value, expected=control)


@check("unzr-format")
def check_unzr(value: Any, _resource: JsonObject) -> Finding | None:
    """Birth date, hyphen, serial with a control digit that ЕСОЗ itself does not check."""
    if not isinstance(value, str):
        return None
    day = f"{value[:4]}-{value[4:6]}-{value[6:8]}"
    if _UNZR.fullmatch(value) is None or SCANNERS["date"](day) is not None:
        return Finding("unzr-form", found=value, expected="19910824-00026")
    control = sum(map(mul, _MRZ_WEIGHTS, map(int, value.replace("-", "")))) % _OVERFLOW
    if control == int(value[-1]):
        return None
    return Finding("unzr-control-digit", severity="warning", found=value, expected=control)


@check("unzr-birth-date")
def check_unzr_birth_date(value: Any, _resource: JsonObject) -> Finding | None:
    """The first eight digits of a Patient's УНЗР are the birth date."""
    if not isinstance(value, dict):
        return None
    birth_date, identifiers = value.get("birthDate"), value.get("identifier")
    if not isinstance(birth_date, str) or not isinstance(identifiers, list):
        return None
    expected = birth_date.replace("-", "")
    for index, identifier in enumerate(identifiers):
        if not isinstance(identifier, dict) or not _is_below(
            identifier.get("system"), f"{_SID}unzr"
        ):
            continue
        number = identifier.get("value")
        if isinstance(number, str) and _UNZR.fullmatch(number) and not number.startswith(expected):
            return Finding(
                "unzr-birth-date",
                found=number,
                expected=birth_date,
                at=(("value", "value"), index, ("identifier", "identifier")),
            )
    return None


@check("document-number")
def check_document_number(value: Any, _resource: JsonObject) -> Finding | None:
    """The number of an identity document has the form of its type."""
    number = value.get("value") if isinstance(value, dict) else None
    if not isinstance(number, str):
        return None
    document_type = _document_type(value)
    if document_type is None or document_type not in _DOCUMENTS:
        return None
    form, example = _DOCUMENTS[document_type]
    if form.fullmatch(number) is not None:
        return None
    return Finding(
        "document-number",
        found=number,
        expected=example,
        document_type=document_type,
        at=(("value", "value"),),
    )


@check("prescription-number")
def check_prescription_number(value: Any, _resource: JsonObject) -> Finding | None:
    """Version prefix and three blocks of four of the generator's alphabet."""
    if not isinstance(value, str) or _PRESCRIPTION.fullmatch(value) is not None:
        return None
    return Finding(
        "prescription-number",
        found=value,
        expected="0000-243P-1X53-EH38",
        alphabet=" ".join(sorted(_NUMBER_ALPHABET)),
    )


@check("referral-number")
def check_referral_number(value: Any, _resource: JsonObject) -> Finding | None:
    """Sixteen digits in four blocks."""
    if not isinstance(value, str) or _REFERRAL.fullmatch(value) is not None:
        return None
    digits = re.sub(r"[\s-]", "", value)
    finding = Finding("referral-number", found=value, expected="1234-5678-9012-3456")
    if re.fullmatch(r"[0-9]{16}", digits):
        finding.suggestions = ("-".join(digits[i : i + 4] for i in range(0, 16, 4)),)
        finding.mend = ("replace", finding.suggestions[0])
    return finding


@check("phone-format")
def check_phone(value: Any, _resource: JsonObject) -> Finding | None:
    """International form; ``0671234567`` lacks the country, which is most likely 38."""
    if not isinstance(value, str) or _PHONE.fullmatch(value) is not None:
        return None
    finding = Finding("phone-format", found=value, expected="+380671234567")
    digits = re.sub(r"[\s()+-]", "", value)
    if re.fullmatch(r"(?:38)?0[0-9]{9}", digits):
        finding.suggestions = (f"+38{digits[-10:]}",)
    return finding


CHECKS: Mapping[str, CheckFunction] = MappingProxyType(_registered)
"""Every check by the id that profiles use."""

IDENTIFIER_CHECKS: Mapping[str, CheckFunction] = MappingProxyType(
    {
        "rnokpp": check_rnokpp,
        "edrpou": check_edrpou,
        "unzr": check_unzr,
        "https://fhir.esoz.ua/sid/prescription-number": check_prescription_number,
        "https://fhir.esoz.ua/sid/service-request-number": check_referral_number,
    }
)
"""The check of ``Identifier.value`` by ``Identifier.system``, which says what the number is: by its
last step below any base where no other country has such a number, else by the whole of it."""


def identifier_check(system: str) -> CheckFunction | None:
    """Return the check of identifiers of a system such as ``https://fhir.esoz.ua/sid/rnokpp``."""
    if _SID not in system:
        return None
    return IDENTIFIER_CHECKS.get(system.rpartition("/")[2]) or IDENTIFIER_CHECKS.get(system)


def _is_below(address: object, way: str) -> bool:
    """Say whether an address is this way below whatever base."""
    return isinstance(address, str) and address.endswith(way)


def _edrpou_control(value: str) -> int:
    """Weigh the first seven digits; a remainder of 10 is weighed again with heavier weights."""
    digits = [int(digit) for digit in value[:7]]
    in_middle = "30000000" <= value <= "60000000"
    weights = (7, 1, 2, 3, 4, 5, 6) if in_middle else (1, 2, 3, 4, 5, 6, 7)
    for extra in (0, 2):
        rest = sum((w + extra) * d for w, d in zip(weights, digits, strict=True)) % 11
        if rest < _OVERFLOW:
            return rest
    return 0


def _document_type(identifier: JsonObject) -> str | None:
    concept = identifier.get("type")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict) and _is_below(coding.get("system"), _DOCUMENT_TYPE):
            code = coding.get("code")
            return code if isinstance(code, str) else None
    return None
