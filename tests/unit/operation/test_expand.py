"""``$expand``: https://hl7.org/fhir/R4/valueset-operation-expand.html."""

from datetime import UTC, datetime

import pytest

from fhir_server.model import InvalidRequest, NotFound, ValidationFailed
from fhir_server.operation import expand
from tests.support.terminology import (
    COLOURS,
    code_system,
    filtered,
    parameters,
    terminology,
    value_set,
)

VS = "https://example.org/ValueSet/v"
WHOLE = value_set(VS, {"system": COLOURS}, version="1")
WARM = value_set(VS, filtered("concept", "is-a", "warm"), version="2")
WARM_CODES = ["warm", "red", "orange"]


def run(*resources, target=None, language="", **given):
    return expand.run(
        terminology(*resources),
        parameters(**given),
        target=target,
        language=language,
        clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )


def codes(answer):
    return [entry["code"] for entry in answer["expansion"].get("contains", ())]


def test_a_value_set_is_found_by_url():
    assert codes(run(WARM, url__Uri=VS)) == WARM_CODES


def test_a_version_can_be_named_apart_or_in_the_url():
    assert codes(run(WHOLE, WARM, url__Uri=VS, valueSetVersion__String="2")) == WARM_CODES
    assert len(codes(run(WHOLE, WARM, url__Uri=VS + "|1"))) == 7


def test_a_value_set_can_come_along_or_be_the_instance():
    assert codes(run(valueSet=WARM)) == WARM_CODES
    assert codes(run(target=WARM)) == WARM_CODES


def test_a_value_set_is_found_by_the_element_that_is_bound_to_it():
    patient = "http://hl7.org/fhir/StructureDefinition/Patient"
    found = run(context__Uri=patient + "#Patient.gender")
    assert codes(found) == ["male", "female", "other", "unknown"]
    with pytest.raises(NotFound) as refusal:
        run(context__Uri=patient + "#Patient.birthDate")
    assert refusal.value.issues[0].rule == "binding-unknown"


def test_an_unknown_value_set_is_not_found():
    with pytest.raises(NotFound) as refusal:
        run(url__Uri="https://example.org/none")
    assert refusal.value.issues[0].rule == "value-set-unknown"


def test_some_value_set_must_be_named():
    with pytest.raises(InvalidRequest) as refusal:
        run(count__Integer=1)
    assert refusal.value.issues[0].rule == "operation-parameter-missing"


def test_a_tree_is_given_where_it_is_asked_for():
    assert codes(run(WARM, url__Uri=VS, excludeNested__Boolean=False)) == ["warm"]
    assert codes(run(WARM, url__Uri=VS, excludeNested__Boolean=True)) == WARM_CODES


def test_the_parameters_are_repeated_in_the_answer():
    found = run(
        WARM,
        url__Uri=VS,
        count__Integer=1,
        displayLanguage__Code="uk",
        system_version__Canonical="a|1",
    )
    assert found["expansion"]["parameter"][:3] == [
        {"name": "count", "valueInteger": 1},
        {"name": "displayLanguage", "valueCode": "uk"},
        {"name": "system-version", "valueUri": "a|1"},
    ]


@pytest.mark.parametrize(
    ("given", "header", "display"),
    [
        ({"displayLanguage__Code": "uk"}, "en", "Теплий колір"),
        ({}, "uk-UA,uk;q=0.9,en;q=0.8", "Теплий колір"),
        ({}, "en", "Warm colour"),
        ({}, "", "Warm colour"),
        ({}, "!!", "Warm colour"),
    ],
)
def test_the_language_is_the_parameters_then_the_headers(given, header, display):
    found = run(WARM, url__Uri=VS, language=header, **given)
    assert found["expansion"]["contains"][0]["display"] == display


def test_the_value_sets_own_language_counts_last():
    ukrainian = {**WARM, "language": "uk"}
    assert run(target=ukrainian)["expansion"]["contains"][0]["display"] == "Теплий колір"


def test_flags_reach_the_expansion():
    found = run(
        WHOLE,
        url__Uri=VS,
        excludeNested__Boolean=True,
        activeOnly__Boolean=True,
        excludeNotForUI__Boolean=True,
        includeDefinition__Boolean=True,
    )
    assert codes(found) == ["warm", "red", "orange", "blue", "none"]
    assert "compose" in found


def test_text_finds_codes_for_a_form():
    assert codes(run(WHOLE, url__Uri=VS, filter__String="помаранч")) == ["orange"]


def test_a_supplement_that_is_not_here_is_refused():
    with pytest.raises(ValidationFailed) as refusal:
        run(WHOLE, url__Uri=VS, useSupplement__Canonical="https://example.org/none")
    assert refusal.value.issues[0].rule == "supplement-unknown"


def told(answer, name):
    return [p["valueUri"] for p in answer["expansion"]["parameter"] if p["name"] == name]


def test_value_sets_that_were_read_are_named():
    outer = value_set("https://example.org/ValueSet/outer", {"valueSet": [VS]}, version="1")
    found = run(WARM, outer, url__Uri=outer["url"])
    assert told(found, "used-valueset") == [VS + "|2"]
    assert told(found, "used-codesystem") == [COLOURS + "|1.0.0"]


@pytest.mark.parametrize(
    ("about", "warning"),
    [
        ({"status": "retired"}, "warning-withdrawn"),
        ({"status": "draft"}, "warning-draft"),
        ({"experimental": True}, "warning-experimental"),
    ],
)
def test_what_is_not_settled_is_warned_of(about, warning):
    other = code_system("https://example.org/CodeSystem/other", "a", **about)
    found = run(value_set(VS, {"system": other["url"]}), other, url__Uri=VS)
    assert told(found, warning) == [other["url"]]


def test_what_is_settled_is_not_warned_of():
    names = {p["name"] for p in run(WARM, url__Uri=VS)["expansion"]["parameter"]}
    assert not any(name.startswith("warning-") for name in names)


@pytest.mark.parametrize(
    ("wanted", "expected"), [("1.x", "b1"), ("2.*", "c"), ("1.0.x", "a"), ("2.x.x", "c")]
)
def test_a_code_system_is_found_by_a_version_with_open_parts(wanted, expected):
    url = "https://example.org/CodeSystem/other"
    systems = [
        code_system(url, code, version=version)
        for version, code in (("1.0.0", "a"), ("1.10.0", "b1"), ("1.9.0", "b"), ("2.0.0", "c"))
    ]
    found = run(value_set(VS, {"system": url, "version": wanted}), *systems, url__Uri=VS)
    assert codes(found) == [expected]


def test_a_national_dictionary_is_shown_in_ukrainian_where_that_is_asked_for():
    url = "https://fhir.esoz.ua/ValueSet/document-type"
    ukrainian = run(url__Uri=url, displayLanguage__Code="uk", count__Integer=1)
    english = run(url__Uri=url, displayLanguage__Code="en", count__Integer=1)
    (uk,), (en,) = (answer["expansion"]["contains"] for answer in (ukrainian, english))
    assert uk["code"] == en["code"]
    assert any("\u0400" <= letter <= "\u04ff" for letter in uk["display"])
    assert en["display"].isascii()
