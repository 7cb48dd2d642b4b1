"""Expansion: https://hl7.org/fhir/R4/valueset-operation-expand.html."""

from datetime import UTC, datetime

import pytest

from fhir_server.model import TooCostly, ValidationFailed
from fhir_server.terminology import ExpansionOptions, Versions, expand, parse_languages
from tests.support.terminology import COLOURS, code_system, filtered, terminology, value_set

VS = "https://example.org/ValueSet/v"
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
WHOLE = value_set(VS, {"system": COLOURS}, title="All colours", version="3")


def expansion(definition, *more, versions=None, **options):
    known = terminology(definition, *more)
    rules = known.value_sets.compile(definition, versions or Versions())
    return expand(rules, ExpansionOptions(**options), NOW)["expansion"]


def codes(found):
    return [
        (entry["code"], codes(entry)) if "contains" in entry else entry["code"]
        for entry in found.get("contains", ())
    ]


def test_an_expansion_is_a_tree_by_default():
    found = expansion(WHOLE)
    assert codes(found) == [
        ("any", [("warm", ["red", "orange"]), "blue", "sepia"]),
        "none",
    ]
    assert found["total"] == 7


def test_an_expansion_can_be_flat():
    assert codes(expansion(WHOLE, excludes_nested=True)) == [
        "any", "warm", "red", "orange", "blue", "sepia", "none",
    ]  # fmt: skip


def test_children_of_what_is_left_out_move_up():
    rest = value_set(VS, {"system": COLOURS}, exclude=[filtered("code", "=", "warm")])
    assert codes(expansion(rest)) == [("any", ["red", "orange", "blue", "sepia"]), "none"]


def test_abstract_and_inactive_codes_are_marked():
    marks = {
        entry["code"]: (entry.get("abstract"), entry.get("inactive"))
        for entry in expansion(WHOLE, excludes_nested=True)["contains"]
    }
    assert marks["any"] == (True, None)
    assert marks["sepia"] == (None, True)
    assert marks["red"] == (None, None)


def test_active_codes_only():
    assert "sepia" not in codes(expansion(WHOLE, is_active_only=True, excludes_nested=True))


def test_codes_for_people_only():
    assert "any" not in codes(expansion(WHOLE, excludes_abstract=True, excludes_nested=True))


@pytest.mark.parametrize(
    ("count", "offset", "expected"),
    [(2, 0, ["any", "warm"]), (2, 2, ["red", "orange"]), (0, 0, []), (None, 5, ["sepia", "none"])],
)
def test_a_page_is_flat_and_tells_the_total(count, offset, expected):
    found = expansion(WHOLE, count=count, offset=offset)
    assert codes(found) == expected
    assert (found["total"], found["offset"]) == (7, offset)


def test_text_is_sought_in_names_of_every_language_and_in_codes():
    assert codes(expansion(WHOLE, text="ЧЕРВ", excludes_nested=True)) == ["red"]
    assert codes(expansion(WHOLE, text="col war", excludes_nested=True)) == ["warm"]
    assert codes(expansion(WHOLE, text="xyz")) == []


def test_displays_are_in_the_language_asked_for():
    found = expansion(WHOLE, languages=parse_languages("uk"), count=1)
    assert found["contains"][0]["display"] == "Будь-який колір"


def test_the_value_sets_own_display_comes_first():
    listed = value_set(VS, {"system": COLOURS, "concept": [{"code": "red", "display": "Scarlet"}]})
    assert expansion(listed)["contains"][0]["display"] == "Scarlet"


def test_designations_come_when_asked_for():
    (red,) = expansion(
        value_set(VS, filtered("code", "=", "red")),
        includes_designations=True,
        languages=parse_languages("uk"),
    )["contains"]
    assert red["designation"] == [
        {"language": "en", "value": "Red"},
        {"language": "uk", "value": "Червоний"},
    ]


@pytest.mark.parametrize(
    ("wanted", "number"), [("uk", 1), ("urn:ietf:bcp:47|uk", 1), ("de", 0), ("s|long", 0)]
)
def test_designations_can_be_chosen(wanted, number):
    (red,) = expansion(value_set(VS, filtered("code", "=", "red")), designations=(wanted,))[
        "contains"
    ]
    assert len(red.get("designation", ())) == number


def test_designations_can_be_chosen_by_use():
    use = {"system": "s", "code": "long"}
    system = code_system(
        "https://example.org/s", {"code": "a", "designation": [{"use": use, "value": "Alpha"}]}
    )
    one = value_set(VS, {"system": "https://example.org/s"})
    (found,) = expansion(one, system, designations=("s|long",))["contains"]
    assert found["designation"] == [{"use": use, "value": "Alpha"}]


def test_properties_come_when_asked_for():
    (red,) = expansion(value_set(VS, filtered("code", "=", "red")), properties=("wave", "parent"))[
        "contains"
    ]
    told = [
        {p["url"]: v for p in e["extension"] for k, v in p.items() if k != "url"}
        for e in red["extension"]
    ]
    assert told == [{"code": "wave", "value": "long"}, {"code": "parent", "value": "warm"}]


def test_the_code_systems_used_are_named():
    names = [(p["name"], p["valueUri"]) for p in expansion(WHOLE)["parameter"]]
    assert names == [
        ("used-codesystem", COLOURS + "|1.0.0"),
        ("version", COLOURS + "|1.0.0"),
    ]


def test_the_answer_is_the_value_set_without_its_rules():
    known = terminology(WHOLE)
    rules = known.value_sets.compile(WHOLE)
    bare = expand(rules, ExpansionOptions(), NOW)
    assert (bare["url"], bare["version"], bare["title"]) == (VS, "3", "All colours")
    assert "compose" not in bare
    assert bare["expansion"]["timestamp"] == "2026-05-01T12:00:00.000+00:00"
    whole = expand(rules, ExpansionOptions(includes_definition=True), NOW)
    assert whole["compose"] == WHOLE["compose"]


def test_systems_can_be_left_out():
    both = value_set(
        VS, {"system": COLOURS}, {"system": "http://hl7.org/fhir/administrative-gender"}
    )
    for left_out in (COLOURS, COLOURS + "|1.0.0"):
        found = codes(expansion(both, excluded_systems=(left_out,), excludes_nested=True))
        assert found == ["male", "female", "other", "unknown"]


def test_the_expansion_of_a_fragment_says_that_it_is_not_closed():
    system = code_system("https://example.org/s", "a", content="fragment")
    found = expansion(value_set(VS, {"system": "https://example.org/s"}), system)
    assert found["extension"] == [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/valueset-unclosed",
            "valueBoolean": True,
        }
    ]


@pytest.mark.parametrize(
    ("include", "rule"),
    [
        ({"system": "http://loinc.org"}, "code-system-unknown"),
        ({"valueSet": ["https://example.org/none"]}, "value-set-unknown"),
    ],
)
def test_what_is_not_here_cannot_be_expanded(include, rule):
    with pytest.raises(ValidationFailed) as refusal:
        expansion(value_set(VS, include))
    assert [(i.rule, i.severity) for i in refusal.value.issues] == [(rule, "error")]


@pytest.mark.parametrize(
    "include",
    [
        {"system": "urn:ietf:bcp:47"},
        {"valueSet": ["http://hl7.org/fhir/ValueSet/mimetypes"]},
    ],
)
def test_the_codes_of_a_grammar_cannot_be_listed(include):
    with pytest.raises(TooCostly) as refusal:
        expansion(value_set(VS, include))
    assert refusal.value.issues[0].rule == "expansion-not-listable"


def test_a_list_of_codes_of_a_grammar_can():
    listed = value_set(VS, {"system": "urn:ietf:bcp:47", "concept": [{"code": "uk"}]})
    assert codes(expansion(listed)) == ["uk"]


def test_an_expansion_that_is_too_long_must_be_asked_for_in_pages():
    with pytest.raises(TooCostly) as refusal:
        expansion(WHOLE, max_codes=3)
    assert refusal.value.issues[0].rule == "expansion-too-long"
    assert len(codes(expansion(WHOLE, max_codes=3, count=3))) == 3


def versions_of_a_system(compose=None):
    one = code_system("https://example.org/s", "a", "b", version="1.0.0")
    two = code_system("https://example.org/s", "a", "c", version="2.0.0")
    include = [{"system": "https://example.org/s", "version": v} for v in ("1.0.0", "2.0.0")]
    return value_set(VS, *include, compose=compose or {}), one, two


def test_codes_of_two_versions_stand_apart():
    found = expansion(*versions_of_a_system())
    pairs = [(entry["code"], entry["version"]) for entry in found["contains"]]
    assert pairs == [("a", "1.0.0"), ("b", "1.0.0"), ("a", "2.0.0"), ("c", "2.0.0")]


def test_codes_of_two_versions_are_one_where_the_value_set_says_so():
    url = "http://hl7.org/fhir/StructureDefinition/valueset-expansion-parameter"
    wish = [{"url": "name", "valueCode": "versionsMatch"}, {"url": "value", "valueString": "true"}]
    merged = versions_of_a_system({"extension": [{"url": url, "extension": wish}]})
    assert codes(expansion(*merged)) == ["a", "b", "c"]


def test_versions_can_be_given_by_the_request():
    _, one, two = versions_of_a_system()
    any_version = value_set(VS, {"system": "https://example.org/s"})
    pair = (("https://example.org/s", "1.0.0"),)
    assert codes(expansion(any_version, one, two)) == ["a", "c"]
    assert codes(expansion(any_version, one, two, versions=Versions(defaults=pair))) == ["a", "b"]
    pinned = value_set(VS, {"system": "https://example.org/s", "version": "2.0.0"})
    assert codes(expansion(pinned, one, two, versions=Versions(defaults=pair))) == ["a", "c"]
    assert codes(expansion(pinned, one, two, versions=Versions(forced=pair))) == ["a", "b"]
    with pytest.raises(ValidationFailed) as refusal:
        expansion(pinned, one, two, versions=Versions(checked=pair))
    assert refusal.value.issues[0].rule == "code-system-version-refused"


def test_contained_value_sets_are_known_by_their_fragment():
    inner = {**value_set("", {"system": COLOURS, "concept": [{"code": "red"}]}), "id": "v1"}
    outer = {**value_set(VS, {"valueSet": ["#v1"]}), "contained": [inner]}
    assert codes(expansion(outer)) == ["red"]


def test_a_supplement_of_the_value_set_gives_names():
    supplement = code_system(
        "https://example.org/de",
        {"code": "red", "designation": [{"language": "de", "value": "Rot"}]},
        content="supplement",
        supplements=COLOURS,
    )
    url = "http://hl7.org/fhir/StructureDefinition/valueset-supplement"
    wish = [{"url": url, "valueCanonical": "https://example.org/de"}]
    one = value_set(VS, filtered("code", "=", "red"), extension=wish)
    german = parse_languages("de")
    assert expansion(one, supplement, languages=german)["contains"][0]["display"] == "Rot"
    with pytest.raises(ValidationFailed) as refusal:
        expansion(one)
    assert refusal.value.issues[0].rule == "supplement-unknown"
