"""Registered checks by value; how they are reached is in ``cases/national.yaml``."""

from typing import Any

import pytest

from fhir_server.validation.checks import CHECKS

PATIENT: dict[str, Any] = {"resourceType": "Patient"}


def rule(name: str, value: Any) -> str | None:
    finding = CHECKS[name](value, PATIENT)
    return None if finding is None else finding.rule


@pytest.mark.parametrize("number", ["3999869394", "2534157686", "2659719350", "9999900013"])
def test_taxpayer_numbers_with_the_right_control_digit(number: str) -> None:
    assert rule("rnokpp-checksum", number) is None


@pytest.mark.parametrize("last", range(10))
def test_one_control_digit_is_right(last: int) -> None:
    expected = None if last == 7 else "rnokpp-checksum"
    assert rule("rnokpp-checksum", f"312650981{last}") == expected


@pytest.mark.parametrize("code", ["00012925", "42032422", "40075815", "99999003"])
def test_codes_of_legal_entities_with_the_right_control_digit(code: str) -> None:
    assert rule("edrpou-checksum", code) is None


def test_a_document_has_the_number_of_its_type() -> None:
    def document(document_type: str, number: str) -> dict[str, Any]:
        coding = {
            "system": "https://fhir.esoz.ua/CodeSystem/document-type",
            "code": document_type,
        }
        return {"type": {"coding": [coding]}, "value": number}

    right = {
        "PASSPORT": "АБ123456",
        "NATIONAL_ID": "123456789",
        "REFUGEE_CERTIFICATE": "АБ123456",
        "PERMANENT_RESIDENCE_PERMIT": "АБ1234",
        "TEMPORARY_CERTIFICATE": "АБ12345/12345",
        "BIRTH_CERTIFICATE": "І-АБ123456",
        "FOREIGN_PASSPORT": "anything",
    }
    for document_type, number in right.items():
        assert rule("document-number", document(document_type, number)) is None
    assert rule("document-number", document("PASSPORT", "AB123456")) == "document-number"  # Latin
    assert rule("document-number", document("NATIONAL_ID", "12345678")) == "document-number"
    assert rule("document-number", {"value": "12345678"}) is None


def test_the_unzr_begins_with_the_birth_date() -> None:
    def patient(birth_date: str) -> dict[str, Any]:
        number = {"system": "https://fhir.esoz.ua/sid/unzr", "value": "19910824-00026"}
        return {**PATIENT, "birthDate": birth_date, "identifier": [{"value": "a"}, number]}

    assert rule("unzr-birth-date", patient("1991-08-24")) is None
    finding = CHECKS["unzr-birth-date"](patient("1991-08-25"), PATIENT)
    assert finding is not None
    assert finding.rule == "unzr-birth-date"
    assert finding.steps == [("value", "value"), 1, ("identifier", "identifier")]


def test_a_domestic_phone_number_is_completed() -> None:
    assert rule("phone-format", "+380671234567") is None
    finding = CHECKS["phone-format"]("067 123-45-67", PATIENT)
    assert finding is not None
    assert finding.rule == "phone-format"
    assert finding.suggestions == ("+380671234567",)


def test_a_referral_number_gets_its_hyphens() -> None:
    finding = CHECKS["referral-number"]("1234 5678 9012 3456", PATIENT)
    assert finding is not None
    assert finding.mend == ("replace", "1234-5678-9012-3456")


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("value", [5, None, [], True])
def test_values_of_another_json_kind_are_not_their_concern(name: str, value: Any) -> None:
    assert rule(name, value) is None
