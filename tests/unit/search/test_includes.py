from collections.abc import Callable, Sequence
from typing import Any

import pytest

from fhir_server.definitions import Registry
from fhir_server.search import (
    And,
    IncludeWalk,
    IndexExtractor,
    Or,
    ParsedSearch,
    ReferenceMatch,
    ReferenceTerm,
    SearchLimits,
    TokenMatch,
    TokenTerm,
    UriMatch,
)

Parse = Callable[..., ParsedSearch]
Walk = Callable[..., IncludeWalk]

OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "subject": {"reference": "Patient/p"},
    "performer": [{"reference": "Practitioner/d"}, {"reference": "https://x.org/Practitioner/9"}],
    "encounter": {"reference": "Encounter/e"},
}
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "managingOrganization": {"reference": "Organization/1"},
}
ORGANIZATIONS = [
    {"resourceType": "Organization", "id": str(i), "partOf": {"reference": f"Organization/{i + 1}"}}
    for i in range(1, 9)
]


@pytest.fixture
def walk(registry: Registry, extractor: IndexExtractor, parse: Parse) -> Walk:
    def make(query: str, **limits: int) -> IncludeWalk:
        return IncludeWalk(
            parse(query).options.includes,
            extractor=extractor,
            registry=registry,
            limits=SearchLimits(**limits),
        )

    return make


def keys(walk: IncludeWalk, found: Sequence[dict[str, Any]]) -> list[str]:
    return [f"{resource_type}/{logical_id}" for resource_type, logical_id in walk.step(found).keys]


def test_an_include_reads_where_the_references_go(walk: Walk) -> None:
    assert keys(walk("Observation?_include=Observation:subject"), [OBSERVATION]) == ["Patient/p"]


def test_an_include_can_be_limited_to_one_target_type(walk: Walk) -> None:
    assert keys(walk("Observation?_include=Observation:subject:Group"), [OBSERVATION]) == []


def test_only_local_references_can_be_included(walk: Walk) -> None:
    assert keys(walk("Observation?_include=Observation:performer"), [OBSERVATION]) == [
        "Practitioner/d"
    ]


@pytest.mark.parametrize("directive", ["*", "Observation:*"])
def test_a_star_includes_everything_that_is_referred_to(directive: str, walk: Walk) -> None:
    found = keys(walk(f"Observation?_include={directive}"), [OBSERVATION])
    assert sorted(found) == ["Encounter/e", "Patient/p", "Practitioner/d"]


def test_what_is_a_match_already_is_not_included(walk: Walk) -> None:
    assert keys(walk("Observation?_include=Observation:subject"), [OBSERVATION, PATIENT]) == []


def test_without_iterate_included_resources_are_not_followed(walk: Walk) -> None:
    once = walk("Observation?_include=Observation:subject&_include=Patient:organization")
    assert keys(once, [OBSERVATION]) == ["Patient/p"]
    assert once.step([PATIENT]).is_done


def test_with_iterate_they_are(walk: Walk) -> None:
    deep = walk("Observation?_include=Observation:subject&_include:iterate=Patient:organization")
    assert keys(deep, [OBSERVATION]) == ["Patient/p"]
    assert keys(deep, [PATIENT]) == ["Organization/1"]
    assert deep.step([ORGANIZATIONS[0]]).is_done
    assert not deep.is_cut_off


def test_a_circle_ends(walk: Walk) -> None:
    a = {"resourceType": "Organization", "id": "a", "partOf": {"reference": "Organization/b"}}
    b = {"resourceType": "Organization", "id": "b", "partOf": {"reference": "Organization/a"}}
    circle = walk("Organization?_include:iterate=Organization:partof")
    assert keys(circle, [a]) == ["Organization/b"]
    assert circle.step([b]).is_done


def test_depth_is_bounded_and_said(walk: Walk) -> None:
    deep = walk("Organization?_include:iterate=Organization:partof", max_include_depth=3)
    for organization in ORGANIZATIONS[:3]:
        assert not deep.step([organization]).is_done
    assert deep.step([ORGANIZATIONS[3]]).is_done
    assert deep.is_cut_off


def test_number_is_bounded_and_said(walk: Walk) -> None:
    wide = walk("Observation?_include=*", max_included=2)
    assert len(wide.step([OBSERVATION]).keys) == 2
    assert wide.is_cut_off


def test_a_revinclude_is_a_search_for_what_refers_here(walk: Walk) -> None:
    step = walk("Patient?_revinclude=Observation:subject").step([PATIENT, {**PATIENT, "id": "q"}])
    assert step.keys == ()
    (query,) = step.queries
    assert query.resource_types == ("Observation",)
    assert query.where == ReferenceMatch(
        parameter="subject",
        values=(ReferenceTerm("Patient", "p", ""), ReferenceTerm("Patient", "q", "")),
    )


def test_a_revinclude_by_every_parameter_asks_only_those_that_can_refer_here(walk: Walk) -> None:
    step = walk("Patient?_revinclude=Encounter:*").step([PATIENT])
    parameters = {q.where.parameter for q in step.queries if isinstance(q.where, ReferenceMatch)}
    assert parameters == {"patient", "subject"}


def test_without_includes_there_is_nothing_to_do(walk: Walk) -> None:
    assert walk("Patient?").step([PATIENT]).is_done


def test_a_definition_that_is_referred_to_by_url_is_searched_for(walk: Walk) -> None:
    answers = {
        "resourceType": "QuestionnaireResponse",
        "id": "r",
        "questionnaire": "http://example.org/Questionnaire/q|2",
    }
    include = "_include=QuestionnaireResponse:questionnaire"
    step = walk(f"QuestionnaireResponse?{include}").step([answers])
    (query,) = step.queries
    assert query.resource_types == ("Questionnaire",)
    assert query.where == Or(
        parts=(
            And(
                parts=(
                    UriMatch(
                        parameter="url",
                        mode="exact",
                        values=("http://example.org/Questionnaire/q",),
                    ),
                    TokenMatch(parameter="version", values=(TokenTerm(None, "2"),)),
                )
            ),
        )
    )


def test_a_definition_finds_what_refers_to_its_url(walk: Walk) -> None:
    questionnaire = {"resourceType": "Questionnaire", "id": "q", "url": "u:q", "version": "2"}
    revinclude = "_revinclude=QuestionnaireResponse:questionnaire"
    (query,) = walk(f"Questionnaire?{revinclude}").step([questionnaire]).queries
    assert isinstance(query.where, ReferenceMatch)
    assert {term.url for term in query.where.values} == {"", "u:q", "u:q|2"}


def test_a_chain_that_just_fits_the_depth_is_not_cut_off(walk: Walk) -> None:
    deep = walk("Organization?_include:iterate=Organization:partof", max_include_depth=1)
    assert keys(deep, [ORGANIZATIONS[0]]) == ["Organization/2"]
    end = {"resourceType": "Organization", "id": "2"}
    assert deep.step([end]).is_done
    assert not deep.is_cut_off
