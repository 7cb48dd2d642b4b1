"""Translation: https://hl7.org/fhir/R4/conceptmap-operation-translate.html."""

import pytest

from fhir_server.model import NotFound
from fhir_server.terminology import TranslationQuery
from tests.support.terminology import terminology

MAP = "https://example.org/ConceptMap/m"
HERE, THERE = "https://example.org/here", "https://example.org/there"


def concept_map(*elements, url=MAP, unmapped=None, **more):
    group = {"source": HERE, "target": THERE, "element": list(elements)}
    if unmapped:
        group["unmapped"] = unmapped
    return {
        "resourceType": "ConceptMap",
        "url": url,
        "status": "active",
        "group": [group],
        **more,
    }


def element(code, *targets):
    return {"code": code, "target": list(targets)}


SIMPLE = concept_map(
    element("a", {"code": "X", "equivalence": "wider", "display": "Ex"}),
    element("b", {"code": "X", "equivalence": "equal"}, {"equivalence": "unmatched"}),
    sourceUri="https://example.org/source",
    targetCanonical="https://example.org/target|2",
)


def translated(definition, code, *more, **query):
    known = terminology(definition, *more)
    found = known.concept_maps.translate(
        [definition], TranslationQuery(system=query.pop("system", HERE), code=code, **query)
    )
    return [(t.code, t.equivalence, t.is_match) for t in found]


def test_a_code_is_translated_by_its_element():
    assert translated(SIMPLE, "a") == [("X", "wider", True)]


def test_usable_translations_come_first():
    assert translated(SIMPLE, "b") == [("X", "equal", True), (None, "unmatched", False)]


def test_a_code_that_no_map_lists_has_no_translation():
    assert translated(SIMPLE, "z") == []


def test_a_code_of_another_system_has_no_translation():
    assert translated(SIMPLE, "a", system=THERE) == []


def test_the_target_system_can_be_demanded():
    assert translated(SIMPLE, "a", target_system=THERE) == [("X", "wider", True)]
    assert translated(SIMPLE, "a", target_system=HERE) == []


def test_a_map_can_be_read_backwards():
    found = translated(SIMPLE, "X", system=THERE, is_reverse=True)
    assert found == [("a", "narrower", True), ("b", "equal", True)]
    assert translated(SIMPLE, "X", system=HERE, is_reverse=True) == []


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"mode": "provided"}, [("z", "equal", True)]),
        ({"mode": "fixed", "code": "other", "display": "Other"}, [("other", "inexact", True)]),
        ({"mode": "other-map", "url": MAP + "2"}, [("Z", "equivalent", True)]),
    ],
)
def test_codes_that_are_not_listed_follow_the_maps_rule(rule, expected):
    other = concept_map(element("z", {"code": "Z", "equivalence": "equivalent"}), url=MAP + "2")
    assert translated(concept_map(unmapped=rule), "z", other) == expected


def test_maps_that_refer_to_each_other_end():
    turn = concept_map(unmapped={"mode": "other-map", "url": MAP})
    assert translated(turn, "z") == []


def test_another_map_that_is_not_here_is_not_found():
    with pytest.raises(NotFound) as refusal:
        translated(concept_map(unmapped={"mode": "other-map", "url": MAP + "9"}), "z")
    assert refusal.value.issues[0].rule == "concept-map-unknown"


def test_dependencies_choose_among_targets():
    def target(code, sex):
        depends = [{"property": "sex", "value": sex}]
        return {"code": code, "equivalence": "equal", "dependsOn": depends}

    both = concept_map(element("a", target("M1", "male"), target("F1", "female")))
    chosen = translated(both, "a", dependencies=(("sex", "female"),))
    assert chosen == [("F1", "equal", True)]
    assert len(translated(both, "a")) == 2


def test_maps_are_found_by_the_value_sets_between_which_they_lead():
    known = terminology(SIMPLE)

    def urls(source, target):
        return [m["url"] for m in known.concept_maps.between(source, target)]

    assert urls("https://example.org/source", "https://example.org/target") == [MAP]
    assert urls("https://example.org/source", None) == [MAP]
    assert urls("https://example.org/source", "https://example.org/other") == []
