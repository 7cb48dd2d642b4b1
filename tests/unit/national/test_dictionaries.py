"""tools/dictionaries.py: what becomes of a dictionary of ЕСОЗ."""

from typing import Any

import pytest

from tests.support.national import BASE
from tools.dictionaries import is_loinc, resources, slug

OBSERVATIONS = "eHealth/LOINC/observation_codes"
EMPTY: dict[str, Any] = {
    "description": "Codes.",
    "values": {},
    "source": "a test",
    "completeness": "name seen in API description, values not found",
}


def made(name: str, **more: Any) -> dict[str, dict[str, Any]]:
    """What is made of one dictionary, by kind."""
    dictionaries = {name: EMPTY | more}
    others = {OBSERVATIONS: EMPTY} | dictionaries
    wanted = {slug(name), "observation-codes"} if name == OBSERVATIONS else {slug(name)}
    return {
        f"{each['resourceType']}/{each['id']}": each
        for each in resources(others)
        if each["id"] in wanted
    }


@pytest.mark.parametrize(
    ("dictionary", "expected"),
    [
        ("eHealth/ICPC2/condition_codes", "icpc2-condition-codes"),
        ("DOCUMENT_TYPE", "document-type"),
        ("device_name_type", "device-name-type"),
    ],
)
def test_the_name_of_a_dictionary_becomes_a_slug(dictionary: str, expected: str) -> None:
    assert slug(dictionary) == expected


@pytest.mark.parametrize("code", ["8480-6", "85354-9", "102113-8", "29463-7"])
def test_a_number_with_the_right_check_digit_is_loinc(code: str) -> None:
    assert is_loinc(code)


@pytest.mark.parametrize("code", ["8480-7", "stature", "APGAR_1", "8480", ""])
def test_anything_else_is_a_code_of_esoz(code: str) -> None:
    assert not is_loinc(code)


@pytest.mark.parametrize(
    ("values", "completeness", "content"),
    [
        ({"A": {"uk": "а"}}, "2019 seed, complete at that date", "complete"),
        ({"A": {"uk": "а"}}, "complete per source", "complete"),
        ({"A": {"uk": "а"}}, "complete for the two main types", "fragment"),
        ({"A": {"uk": "а"}}, "subset", "fragment"),
        ({"A": {"uk": "а"}}, "sample value only", "fragment"),
        ({}, "name seen in API description, values not found", "not-present"),
    ],
)
def test_content_says_how_much_of_the_dictionary_is_known(
    values: dict[str, Any], completeness: str, content: str
) -> None:
    system = made("COLOUR", values=values, completeness=completeness)["CodeSystem/colour"]
    assert system["content"] == content
    assert f"Completeness: {completeness}." in system["description"]
    assert system["copyright"] == "Source: a test"


def test_a_concept_keeps_both_languages_and_the_further_keys() -> None:
    values = {"RED ": {"uk": "червоний", "en": "Red", "categories": ["exam", "survey"]}}
    system = made("COLOUR", values=values)["CodeSystem/colour"]
    assert system["concept"] == [
        {
            "code": "RED",
            "display": "Red",
            "designation": [
                {"language": "uk", "value": "червоний"},
                {"language": "en", "value": "Red"},
            ],
            "property": [
                {"code": "category", "valueString": "exam"},
                {"code": "category", "valueString": "survey"},
            ],
        }
    ]
    assert [each["code"] for each in system["property"]] == ["category"]


def test_the_display_is_ukrainian_where_there_is_no_english_label() -> None:
    system = made("COLOUR", values={"RED": {"uk": "червоний"}})["CodeSystem/colour"]
    assert system["concept"][0]["display"] == "червоний"


def test_settings_of_the_software_become_nothing() -> None:
    assert made("SCOPES", values={"user:read": {"uk": "а"}}) == {}


def test_a_choice_of_codes_of_others_becomes_a_value_set_only() -> None:
    both = made("PATIENT_SUMMARY_CONDITION_CODES", values={"B80": {}, "E03.8": {}})
    assert list(both) == ["ValueSet/patient-summary-condition-codes"]
    include = both["ValueSet/patient-summary-condition-codes"]["compose"]["include"]
    assert include == [
        {"system": f"{BASE}CodeSystem/icpc2-condition-codes", "concept": [{"code": "B80"}]},
        {
            "system": f"{BASE}CodeSystem/icd10-am-condition-codes",
            "concept": [{"code": "B80"}, {"code": "E03.8"}],
        },
    ]


def test_observations_take_loinc_numbers_in_their_own_system() -> None:
    values = {"8480-6": {"uk": "тиск"}, "stature": {"uk": "зріст"}}
    loinc, own = made(OBSERVATIONS, values=values)["ValueSet/observation-codes"]["compose"][
        "include"
    ]
    assert loinc["system"] == "http://loinc.org"
    assert [each["code"] for each in loinc["concept"]] == ["8480-6", "85354-9"]
    assert own["system"] == f"{BASE}CodeSystem/loinc-observation-codes"
    assert [each["code"] for each in own["concept"]] == ["stature"]
