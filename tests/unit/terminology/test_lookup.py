"""Look-up: https://hl7.org/fhir/R4/codesystem-operation-lookup.html."""

import pytest

from fhir_server.model import NotFound
from fhir_server.terminology import lookup, parse_languages
from tests.support.terminology import COLOURS, terminology


def details(code, **options):
    return lookup(terminology().systems, COLOURS, code, **options)


def test_a_look_up_tells_all_that_is_known():
    found = details("red")
    assert (found.name, found.version, found.display) == ("Colours", "1.0.0", "Red")
    assert found.definition == "The colour red"
    assert found.designations == ({"language": "uk", "value": "Червоний"},)
    assert found.properties == (
        ("wave", "valueCode", "long", "Length of the wave"),
        ("parent", "valueCode", "warm", None),
        ("inactive", "valueBoolean", False, None),
    )


def test_properties_can_be_chosen():
    found = details("warm", properties=("child", "lang.uk"))
    assert [(name, value) for name, _, value, _ in found.properties] == [
        ("child", "red"),
        ("child", "orange"),
    ]
    assert len(found.designations) == 1
    assert details("warm", properties=("lang.de",)).designations == ()


def test_the_display_is_in_the_language_asked_for():
    assert details("red", languages=parse_languages("uk")).display == "Червоний"


def test_abstract_and_inactive_codes_are_told():
    assert details("any").is_abstract
    assert details("sepia").is_inactive


@pytest.mark.parametrize(
    ("system", "code", "rule"),
    [
        (COLOURS, "mauve", "code-unknown"),
        ("https://example.org/none", "a", "code-system-unknown"),
        ("http://snomed.info/sct", "1", "code-system-unknown"),
    ],
)
def test_what_is_not_here_is_not_found(system, code, rule):
    with pytest.raises(NotFound) as refusal:
        lookup(terminology().systems, system, code)
    (found,) = refusal.value.issues
    assert (found.rule, found.severity, found.code) == (rule, "error", "not-found")
