"""``$validate-code``: https://hl7.org/fhir/R4/valueset-operation-validate-code.html."""

import pytest

from fhir_server.model import InvalidRequest, NotFound, ValidationFailed
from fhir_server.operation import validate_code
from tests.support.terminology import (
    COLOURS,
    code_system,
    colours,
    filtered,
    parameters,
    terminology,
    value,
    value_set,
)

VS = "https://example.org/ValueSet/v"
WHOLE = value_set(VS, {"system": COLOURS})
WARM = value_set(VS, filtered("concept", "is-a", "warm"))
GENDER = "http://hl7.org/fhir/administrative-gender"


def run(*resources, language="en", target=None, **given):
    given = given if target or "valueSet" in given else {"url__Uri": VS, **given}
    return validate_code.run(
        terminology(*resources), parameters(**given), target=target, language=language
    )


def in_system(*resources, language="en", target=None, **given):
    return validate_code.run_in_code_system(
        terminology(*resources), parameters(**given), target=target, language=language
    )


def rules(answer):
    outcome = value(answer, "issues") or {"issue": []}
    return [
        (i["details"]["coding"][0]["code"], i["severity"], (i.get("expression") or [None])[0])
        for i in outcome["issue"]
    ]


def coding(code, system=COLOURS, **more):
    return {"system": system, "code": code, **more}


def test_a_good_code_is_told_back_with_its_display():
    found = run(WARM, code__Code="red", system__Uri=COLOURS)
    names = ("result", "display", "code", "system", "version", "message")
    told = [value(found, name) for name in names]
    assert told == [True, "Red", "red", COLOURS, "1.0.0", None]


def test_a_code_that_is_not_in_is_refused_with_a_reason_and_near_codes():
    found = run(WARM, coding__Coding=coding("rot"))
    assert value(found, "result") is False
    assert "use one of its codes" in value(found, "message")
    assert rules(found) == [
        ("code-not-in-value-set", "error", "Coding.code"),
        ("code-unknown", "error", "Coding.code"),
    ]


def test_messages_are_in_the_readers_language():
    assert "оберіть код" in value(run(WARM, coding__Coding=coding("blue"), language=""), "message")
    assert "use one" in value(run(WARM, coding__Coding=coding("blue"), language="en"), "message")


def test_the_value_set_can_come_along_or_be_the_instance():
    assert value(run(valueSet=WARM, coding__Coding=coding("red")), "result") is True
    assert value(run(target=WARM, coding__Coding=coding("blue")), "result") is False


def test_a_coding_without_system_means_nothing():
    found = run(WARM, coding__Coding={"code": "red"})
    assert value(found, "result") is False
    assert rules(found) == [("coding-without-system", "error", "Coding.code")]


def test_a_system_can_be_inferred_where_the_request_says_so():
    found = run(WARM, code__Code="red", inferSystem__Boolean=True)
    assert (value(found, "result"), value(found, "system")) == (True, COLOURS)


@pytest.mark.parametrize(
    "given",
    [{}, {"code__Code": "red"}, {"codeableConcept__CodeableConcept": {"text": "red"}}],
)
def test_an_incomplete_request_is_refused(given):
    with pytest.raises(InvalidRequest) as refusal:
        run(WARM, **given)
    assert refusal.value.issues[0].rule == "operation-parameter-missing"


def test_an_unknown_value_set_is_not_found():
    with pytest.raises(NotFound):
        run(url__Uri="https://example.org/none", coding__Coding=coding("red"))


def test_a_broken_value_set_is_refused():
    broken = value_set(VS, {"system": COLOURS, "filter": [{"property": "concept", "op": "is-a"}]})
    with pytest.raises(ValidationFailed):
        run(broken, coding__Coding=coding("red"))


def test_a_wrong_display_is_refused_with_the_right_one():
    found = run(WARM, coding__Coding=coding("red", display="Blue"))
    assert (value(found, "result"), value(found, "display")) == (False, "Red")
    assert rules(found) == [("display-wrong", "error", "Coding.display")]


@pytest.mark.parametrize(
    ("display", "language", "result"),
    [
        ("Червоний", "uk", True),
        ("Red", "uk", False),
        ("Red", "fr", True),
        ("Червоний", "fr", False),
        ("red", "en", True),
    ],
)
def test_the_display_is_checked_in_the_language_asked_for(display, language, result):
    """Without a name in that language, the name in the language of the system is right."""
    found = run(WARM, coding__Coding=coding("red", display=display), displayLanguage__Code=language)
    assert value(found, "result") is result


def test_a_language_that_is_none_is_refused():
    with pytest.raises(InvalidRequest):
        run(WARM, coding__Coding=coding("red"), displayLanguage__Code="-")


def concept(*codings):
    return {"codeableConcept__CodeableConcept": {"coding": list(codings)}}


def test_one_coding_of_a_concept_must_be_in():
    found = run(WARM, **concept(coding("male", GENDER), coding("red")))
    assert (value(found, "result"), value(found, "code")) == (True, "red")
    place = "CodeableConcept.coding[0].code"
    assert rules(found) == [("code-not-in-value-set", "information", place)]


def test_a_coding_that_its_own_system_does_not_have_spoils_a_concept():
    found = run(WARM, **concept(coding("mauve"), coding("red")))
    assert value(found, "result") is False


def test_a_coding_of_an_unknown_system_does_not_spoil_a_concept():
    found = run(WARM, **concept(coding("1", "http://snomed.info/sct"), coding("red")))
    assert value(found, "result") is True


def test_a_concept_none_of_whose_codings_is_in_is_refused():
    assert value(run(WARM, **concept(coding("blue"), coding("none"))), "result") is False


def test_a_code_that_cannot_be_checked_is_refused_with_the_reason():
    found = run(
        value_set(VS, {"system": "http://loinc.org"}),
        coding__Coding=coding("1", "http://loinc.org"),
    )
    assert value(found, "result") is False
    assert rules(found) == [("code-system-unknown", "error", "Coding.system")]


def test_a_code_that_a_fragment_lacks_passes_with_a_warning():
    part = code_system("https://example.org/s", "a", content="fragment")
    whole = value_set(VS, {"system": "https://example.org/s"})
    found = run(part, whole, coding__Coding=coding("b", "https://example.org/s"))
    assert value(found, "result") is True
    assert rules(found) == [("code-not-checked", "warning", "Coding.code")]


@pytest.mark.parametrize(("abstract", "result"), [(None, True), (True, True), (False, False)])
def test_abstract_codes_pass_unless_the_request_forbids_them(abstract, result):
    given = {} if abstract is None else {"abstract__Boolean": abstract}
    found = run(WHOLE, coding__Coding=coding("any"), **given)
    assert value(found, "result") is result
    assert [rule for rule, _, _ in rules(found)] == ([] if result else ["code-abstract"])


def test_inactive_codes_are_told():
    found = run(WHOLE, coding__Coding=coding("sepia"))
    assert (value(found, "result"), value(found, "inactive")) == (True, True)


def test_a_code_is_checked_against_its_system_alone():
    assert value(in_system(url__Uri=COLOURS, code__Code="red"), "result") is True
    assert value(in_system(url__Uri=COLOURS, code__Code="mauve"), "result") is False
    assert value(in_system(coding__Coding=coding("red")), "result") is True
    own = {**colours(), "concept": [{"code": "mauve"}]}
    assert value(in_system(codeSystem=own, code__Code="mauve"), "result") is True
    assert value(in_system(target=own, code__Code="red"), "result") is False


def test_a_coding_of_another_system_is_refused():
    found = in_system(url__Uri=COLOURS, coding__Coding=coding("male", GENDER))
    assert [rule for rule, _, _ in rules(found)] == ["code-of-other-system"]


def test_an_unknown_code_system_is_not_found():
    with pytest.raises(NotFound):
        in_system(url__Uri="https://example.org/none", code__Code="a")


def test_some_code_system_must_be_named():
    with pytest.raises(InvalidRequest):
        in_system(code__Code="a")
    without = in_system(coding__Coding={"code": "a"})
    assert [rule for rule, _, _ in rules(without)] == ["coding-without-system"]


OTHER = "https://example.org/CodeSystem/other"
AMBIGUOUS = value_set(VS, {"system": COLOURS}, {"system": OTHER})


def other_system(**more):
    return code_system(OTHER, "red", "pale", **more)


def test_a_system_is_not_inferred_where_several_have_the_code():
    found = run(AMBIGUOUS, other_system(), code__Code="red", inferSystem__Boolean=True)
    assert value(found, "result") is False
    assert rules(found) == [("coding-ambiguous", "error", None)]
    alone = run(AMBIGUOUS, other_system(), code__Code="pale", inferSystem__Boolean=True)
    assert value(alone, "result") is True


@pytest.mark.parametrize(
    "lenience",
    [{"lenient-display-validation__Boolean": True}, {"mode__Code": "lenient-display-validation"}],
)
def test_a_wrong_display_can_be_a_warning(lenience):
    found = run(WARM, coding__Coding=coding("red", display="Blue"), **lenience)
    assert value(found, "result") is True
    assert rules(found) == [("display-wrong", "warning", "Coding.display")]
    assert "Blue" in value(found, "message")


def test_membership_can_be_all_that_is_asked():
    asked = {"valueset-membership-only__Boolean": True}
    assert value(run(WARM, coding__Coding=coding("red", display="Blue"), **asked), "result") is True
    assert value(run(WARM, coding__Coding=coding("blue"), **asked), "result") is False


def test_inactive_codes_can_be_refused():
    old = {"code": "old", "property": [{"code": "status", "valueCode": "retired"}]}
    retired = code_system(OTHER, old, "new")
    asked = {"coding__Coding": coding("old", system=OTHER)}
    assert value(run(AMBIGUOUS, retired, **asked), "result") is True
    strict = run(AMBIGUOUS, retired, activeOnly__Boolean=True, **asked)
    assert value(strict, "result") is False
    assert ("code-inactive", "error", "Coding.code") in rules(strict)


def test_findings_name_their_kind_in_the_words_of_the_ecosystem():
    found = run(WARM, coding__Coding=coding("rot"))
    kinds = [i["details"]["coding"][1] for i in value(found, "issues")["issue"]]
    system = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"
    assert kinds == [
        {"system": system, "code": "not-in-vs"},
        {"system": system, "code": "invalid-code"},
    ]


def test_an_unknown_system_is_named_apart():
    found = run(WARM, coding__Coding=coding("red", version="9.9"))
    assert value(found, "result") is False
    unknown = value_set(VS, {"system": "https://example.org/none"})
    found = run(unknown, coding__Coding=coding("red", system="https://example.org/none"))
    assert value(found, "x-caused-by-unknown-system") == "https://example.org/none"


def test_a_codeable_concept_comes_back():
    concept = {"coding": [coding("red")], "text": "reddish"}
    found = run(WARM, codeableConcept__CodeableConcept=concept)
    assert value(found, "codeableConcept") == concept


STANDARDS_STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"


@pytest.mark.parametrize(
    ("about_value_set", "about_system", "told"),
    [
        ({}, {}, []),
        ({}, {"status": "draft"}, [("information", "draft")]),
        ({}, {"experimental": True}, [("information", "experimental")]),
        ({"status": "draft"}, {"status": "draft"}, []),
        ({"status": "retired"}, {}, [("warning", "withdrawn")]),
        (
            {"extension": [{"url": STANDARDS_STATUS, "valueCode": "deprecated"}]},
            {},
            [("warning", "deprecated")],
        ),
    ],
)
def test_definitions_that_are_not_settled_are_told(about_value_set, about_system, told):
    whole = value_set(VS, {"system": OTHER}, **about_value_set)
    found = run(whole, other_system(**about_system), coding__Coding=coding("red", system=OTHER))
    assert value(found, "result") is True
    outcome = value(found, "issues") or {"issue": []}
    issues = [
        i for i in outcome["issue"] if i["details"]["coding"][0]["code"] == "terminology-status"
    ]
    assert [(i["severity"], i["extension"][-1]["valueString"]) for i in issues] == told


@pytest.mark.parametrize(
    ("version", "result"),
    [("1.0.0", True), ("1.0", True), ("1", True), ("1.x", True), ("1.0.*", True), ("2.x", False)],
)
def test_a_version_may_leave_parts_open(version, result):
    found = run(WARM, coding__Coding=coding("red", version=version))
    assert value(found, "result") is result
    system = {"url__Uri": COLOURS, "code__Code": "red", "version__String": version}
    if version in {"1.0.0", "1.x", "1.0.*"}:
        assert value(in_system(**system), "result") is result
