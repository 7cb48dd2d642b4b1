import pytest

from fhir_server.interaction.subset import make_subset, requested_subset
from fhir_server.model import InvalidRequest
from tests.support.client import registry

PATIENT = {
    "resourceType": "Patient",
    "id": "a",
    "meta": {"tag": [{"code": "x"}]},
    "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>a</div>"},
    "gender": "male",
    "birthDate": "1990",
    "_birthDate": {"extension": [{"url": "http://example.org/x", "valueString": "x"}]},
    "maritalStatus": {"text": "x"},
    "deceasedBoolean": False,
    "photo": [{"contentType": "image/png", "data": "AAAA"}],
    "communication": [{"language": {"text": "uk"}}],
}


ALWAYS = {"resourceType", "id", "meta"}


def part(resource=PATIENT, **parameters):
    subset = requested_subset(tuple((f"_{name}", value) for name, value in parameters.items()))
    assert subset is not None
    return subset.of(resource, registry().types)


def test_a_summary_has_the_elements_marked_so_at_every_level() -> None:
    found = set(part(summary="true"))
    assert found == ALWAYS | {"gender", "birthDate", "_birthDate", "deceasedBoolean"}


def test_text_gives_the_narrative_and_what_is_mandatory() -> None:
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "text": {"status": "empty"},
        "valueString": "v",
    }
    found = part(observation, summary="text")
    assert set(found) == {"resourceType", "meta", "text", "status", "code"}


def test_data_gives_all_but_the_narrative() -> None:
    assert set(PATIENT) - set(part(summary="data")) == {"text"}


def test_elements_are_chosen_by_name_with_choices_and_companions() -> None:
    found = set(part(elements="birthDate, deceased,Patient.gender,Observation.code"))
    assert found == ALWAYS | {"birthDate", "_birthDate", "deceasedBoolean", "gender"}


def test_a_part_is_tagged_and_the_whole_stays_as_it_is() -> None:
    assert [t["code"] for t in part(elements="gender")["meta"]["tag"]] == ["x", "SUBSETTED"]
    assert PATIENT["meta"] == {"tag": [{"code": "x"}]}


def test_nothing_asked_for_means_the_whole() -> None:
    assert requested_subset(()) is None
    assert requested_subset((("_summary", "false"), ("_format", "json"))) is None
    assert make_subset(None, ()) is None


@pytest.mark.parametrize("mode", ["count", "TRUE", ""])
def test_a_mode_that_is_none_is_refused(mode) -> None:
    with pytest.raises(InvalidRequest):
        requested_subset((("_summary", mode),))
