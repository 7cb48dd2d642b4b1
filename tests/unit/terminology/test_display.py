"""Languages of displays: https://hl7.org/fhir/R4/languages.html."""

import pytest

from fhir_server.model import InvalidRequest
from fhir_server.terminology import parse_languages
from fhir_server.terminology.display import display_of, speaks
from tests.support.terminology import COLOURS, terminology


def red():
    member = terminology().check_code(COLOURS, "red").member
    assert member is not None
    return member


@pytest.mark.parametrize(
    ("text", "ranges", "is_strict"),
    [
        ("uk", ("uk",), False),
        ("en;q=0.5, uk", ("uk", "en"), False),
        ("de,*; q=0", ("de",), True),
        ("de, *;q=0.1", ("de",), False),
        ("en-AU; q=0", (), False),
        ("", (), False),
    ],
)
def test_languages_are_read_by_weight(text, ranges, is_strict):
    found = parse_languages(text)
    assert (found.ranges, found.is_strict) == (ranges, is_strict)


@pytest.mark.parametrize("text", ["-", "українська", "en;q=2x", "a b"])
def test_what_is_no_list_of_languages_is_refused(text):
    with pytest.raises(InvalidRequest) as refusal:
        parse_languages(text)
    assert refusal.value.issues[0].rule == "language-range-invalid"


@pytest.mark.parametrize(
    ("languages", "display"),
    [
        ("", "Red"),
        ("uk", "Червоний"),
        ("uk-UA", "Червоний"),
        ("fr, uk;q=0.1", "Червоний"),
        ("fr", "Red"),
        ("fr, *;q=0", None),
    ],
)
def test_the_display_suits_the_reader(languages, display):
    assert display_of(red(), parse_languages(languages)) == display


def test_regions_serve_their_language_and_it_them():
    assert speaks("de-CH", "de")
    assert speaks("de", "de-CH")
    assert not speaks("de-CH", "de-AT")
