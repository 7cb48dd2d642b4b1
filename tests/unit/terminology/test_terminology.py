"""The door: membership without expansion, code systems, finite sets of codes."""

from itertools import islice

import pytest

from tests.support.terminology import (
    COLOURS,
    code_system,
    colours,
    filtered,
    registry,
    terminology,
    value_set,
)

VS = "https://example.org/ValueSet/v"
GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"
LOINC = "http://loinc.org"


def verdict(check):
    return check.verdict, [found.rule for found in check.issues]


def test_a_code_without_system_is_looked_up_in_the_systems_of_the_value_set():
    found = terminology().validate_code(GENDER, None, "male")
    assert verdict(found) == ("member", [])
    assert (found.system, found.display) == ("http://hl7.org/fhir/administrative-gender", "Male")


def test_a_code_that_is_not_in_the_value_set_is_no_member():
    found = terminology().validate_code(GENDER, None, "blue")
    assert verdict(found) == ("not-member", ["code-not-in-value-set"])


def test_a_code_of_another_system_is_no_member():
    assert terminology().validate_code(GENDER, COLOURS, "male").verdict == "not-member"


def test_a_value_set_that_is_not_here_leaves_codes_unchecked():
    found = terminology().validate_code("https://example.org/none", None, "a")
    assert verdict(found) == ("not-checked", ["value-set-unknown"])


def test_a_broken_value_set_leaves_codes_unchecked():
    broken = value_set(VS, filtered("taste", "=", "sweet"))
    found = terminology(broken).validate_code(VS, COLOURS, "red")
    assert verdict(found) == ("not-checked", ["value-set-filter-property"])


def test_a_code_system_that_is_not_here_leaves_codes_unchecked():
    found = terminology(value_set(VS, {"system": LOINC})).validate_code(VS, LOINC, "1234-5")
    assert verdict(found) == ("not-checked", ["code-system-unknown"])
    assert not found.is_member


def test_a_list_of_codes_needs_no_code_system():
    listed = value_set(VS, {"system": LOINC, "concept": [{"code": "1234-5"}]})
    assert terminology(listed).validate_code(VS, LOINC, "1234-5").verdict == "member"
    assert terminology(listed).validate_code(VS, LOINC, "9999-9").verdict == "not-member"


def test_a_listed_code_that_its_system_does_not_have_is_no_member():
    listed = value_set(VS, {"system": COLOURS, "concept": [{"code": "mauve"}]})
    assert terminology(listed).validate_code(VS, COLOURS, "mauve").verdict == "not-member"


@pytest.mark.parametrize("content", ["fragment", "example"])
def test_an_unknown_code_of_a_system_here_in_part_is_unchecked(content):
    partial = code_system("https://example.org/p", "a", content=content)
    known = terminology(partial, value_set(VS, {"system": "https://example.org/p"}))
    assert known.validate_code(VS, "https://example.org/p", "a").verdict == "member"
    unsure = ("not-checked", ["code-not-checked"])
    assert verdict(known.validate_code(VS, "https://example.org/p", "b")) == unsure
    assert verdict(known.check_code("https://example.org/p", "b")) == unsure


def test_excluded_codes_are_out():
    rest = value_set(VS, {"system": COLOURS}, exclude=[filtered("concept", "is-a", "warm")])
    known = terminology(rest)
    assert known.validate_code(VS, COLOURS, "blue").verdict == "member"
    assert known.validate_code(VS, COLOURS, "red").verdict == "not-member"


def test_an_exclusion_that_cannot_be_answered_leaves_codes_unchecked():
    rest = value_set(VS, {"system": COLOURS}, exclude=[{"valueSet": ["https://example.org/none"]}])
    found = terminology(rest).validate_code(VS, COLOURS, "blue")
    assert verdict(found) == ("not-checked", ["value-set-unknown"])


def test_value_sets_of_one_include_must_all_have_the_code():
    warm = value_set(VS + "/warm", filtered("concept", "is-a", "warm"))
    long = value_set(VS + "/long", filtered("wave", "=", "long"))
    both = value_set(VS, {"valueSet": [VS + "/warm", VS + "/long"]})
    known = terminology(warm, long, both)
    assert known.validate_code(VS, COLOURS, "red").verdict == "member"
    assert known.validate_code(VS, COLOURS, "warm").verdict == "not-member"


def test_a_system_beside_value_sets_narrows_them():
    male = value_set(VS, {"system": COLOURS, "valueSet": [GENDER]})
    assert terminology(male).validate_code(VS, None, "male").verdict == "not-member"


def test_a_circle_of_value_sets_is_found():
    one = value_set(VS, {"valueSet": [VS + "/2"]})
    other = value_set(VS + "/2", {"valueSet": [VS]})
    found = terminology(one, other).validate_code(VS, COLOURS, "red")
    assert verdict(found) == ("not-checked", ["value-set-circular"])


def test_filters_on_a_grammar_leave_codes_unchecked():
    units = value_set(VS, filtered("canonical", "=", "g", system="http://unitsofmeasure.org"))
    found = terminology(units).validate_code(VS, "http://unitsofmeasure.org", "mg")
    assert verdict(found) == ("not-checked", ["value-set-filter-not-possible"])


def test_inactive_codes_are_members_with_a_warning():
    found = terminology(value_set(VS, {"system": COLOURS})).validate_code(VS, COLOURS, "sepia")
    assert verdict(found) == ("member", ["code-inactive"])


def test_inactive_codes_are_no_members_where_the_value_set_leaves_them_out():
    active = value_set(VS, {"system": COLOURS}, compose={"inactive": False})
    assert terminology(active).validate_code(VS, COLOURS, "sepia").verdict == "not-member"


def test_a_stored_expansion_counts_where_there_are_no_rules():
    stored = {
        "resourceType": "ValueSet",
        "url": VS,
        "status": "active",
        "expansion": {
            "timestamp": "2026-01-01",
            "contains": [
                {"abstract": True, "display": "All", "contains": [{"system": "s", "code": "a"}]}
            ],
        },
    }
    assert terminology(stored).validate_code(VS, "s", "a").verdict == "member"
    assert terminology(stored).validate_code(VS, "s", "b").verdict == "not-member"


def test_a_version_of_the_system_is_respected():
    one = code_system("https://example.org/s", "a", version="1.0.0")
    two = code_system("https://example.org/s", "b", version="2.0.0")
    known = terminology(one, two, value_set(VS, {"system": "https://example.org/s"}))
    ask = known.validate_code
    assert ask(VS, "https://example.org/s", "b").verdict == "member"
    assert ask(VS, "https://example.org/s", "a").verdict == "not-member"
    assert ask(VS, "https://example.org/s", "a", version="1.0.0").verdict == "member"
    unknown = ask(VS, "https://example.org/s", "a", version="3.0.0")
    assert verdict(unknown) == ("not-checked", ["code-system-unknown"])


def test_a_version_other_than_the_value_sets_is_no_member():
    one = code_system("https://example.org/s", "a", version="1.0.0")
    pinned = value_set(VS, {"system": "https://example.org/s", "version": "1.0.0"})
    found = terminology(one, pinned).validate_code(
        VS, "https://example.org/s", "a", version="1.1.0"
    )
    assert found.verdict == "not-member"


def test_all_codes_of_a_system_are_an_implicit_value_set():
    named = code_system("https://example.org/s", "a", valueSet="https://example.org/all")
    known = terminology(named)
    assert known.validate_code("https://example.org/all", None, "a").verdict == "member"
    assert known.validate_code("https://example.org/s?fhir_vs", None, "a").verdict == "member"
    below = COLOURS + "?fhir_vs=isa/warm"
    assert known.validate_code(below, None, "red").verdict == "member"
    assert known.validate_code(below, None, "blue").verdict == "not-member"
    assert known.validate_code(COLOURS + "?fhir_vs=ecl/x", None, "red").verdict == "not-checked"


def test_a_code_unknown_to_its_system_gets_near_ones_suggested():
    found = terminology().check_code(COLOURS, "Orang")
    assert verdict(found) == ("not-member", ["code-unknown"])
    assert found.issues[0].suggestions == ("orange",)


def test_a_name_in_place_of_a_code_suggests_the_code():
    found = terminology().check_code(COLOURS, "червоний")
    assert found.issues[0].suggestions == ("red",)


def test_a_code_in_another_case_is_told():
    loose = code_system("https://example.org/s", "Code1", caseSensitive=False)
    found = terminology(loose).check_code("https://example.org/s", "CODE1")
    assert verdict(found) == ("member", ["code-case-differs"])


def test_a_supplement_is_no_system():
    supplement = code_system(
        "https://example.org/s", "red", content="supplement", supplements=COLOURS
    )
    found = terminology(supplement).check_code("https://example.org/s", "red")
    assert verdict(found) == ("not-member", ["code-system-supplement"])


def test_snomed_is_not_here():
    found = terminology().check_code("http://snomed.info/sct", "73211009")
    assert verdict(found) == ("not-checked", ["code-system-unknown"])


@pytest.mark.parametrize("display", ["Red", "RED", "Червоний"])
def test_a_name_in_any_language_is_right(display):
    assert verdict(terminology().check_code(COLOURS, "red", display)) == ("member", [])


def test_a_wrong_display_is_told_with_the_right_one():
    found = terminology().check_code(COLOURS, "red", "Blue")
    assert verdict(found) == ("member", ["display-wrong"])
    assert found.issues[0].suggestions == ("Red", "Червоний")


def test_finite_value_sets_are_sets_of_codes():
    codes = terminology().codes_of(GENDER)
    system = "http://hl7.org/fhir/administrative-gender"
    assert codes == {(system, code) for code in ("male", "female", "other", "unknown")}


@pytest.mark.parametrize(
    "url", ["https://example.org/none", "http://hl7.org/fhir/ValueSet/mimetypes", VS]
)
def test_value_sets_without_known_codes_are_no_set(url):
    broken = value_set(VS, filtered("taste", "=", "sweet"))
    assert terminology(broken).codes_of(url) is None


def test_what_a_set_leaves_open_is_not_in_it():
    """A set holds members only: what an unanswerable exclusion might take away is left out."""
    rest = value_set(VS, {"system": COLOURS}, exclude=[{"system": COLOURS, "valueSet": ["x"]}])
    assert terminology(rest).codes_of(VS) is None


def test_validation_agrees_with_the_set_for_every_value_set_of_the_registry():
    known = terminology()
    checked = 0
    for definition in registry().resources("ValueSet"):
        codes = known.codes_of(definition["url"])
        for system, code in islice(codes or (), 5):
            found = known.validate_code(definition["url"], system, code)
            assert found.verdict == "member", (definition["url"], system, code)
            checked += 1
    assert checked > 3_000


def test_what_is_asked_and_not_here_is_not_remembered():
    """Unknown systems come from data: keeping each would let clients fill the memory."""
    known = terminology()
    for number in range(50):
        known.check_code(f"https://example.org/{number}", "a")
        known.validate_code(f"https://example.org/v{number}", None, "a")
    assert not [key for key in known.systems._compiled if "example.org" in key[0]]
    assert not known.value_sets._compiled


def test_a_system_that_comes_along_hides_the_one_here():
    own = {**colours(), "concept": [{"code": "mauve"}]}
    known = terminology().with_code_system(own)
    assert known.check_code(COLOURS, "mauve").verdict == "member"
    assert known.check_code(COLOURS, "red").verdict == "not-member"
    assert known.validate_code(GENDER, None, "male").verdict == "member"
