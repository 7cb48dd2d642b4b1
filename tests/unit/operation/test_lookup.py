"""``$lookup``: https://hl7.org/fhir/R4/codesystem-operation-lookup.html."""

import pytest

from fhir_server.model import InvalidRequest, NotFound
from fhir_server.operation import lookup
from tests.support.terminology import COLOURS, colours, parameters, terminology, value


def run(language="", target=None, **given):
    return lookup.run(terminology(), parameters(**given), target=target, language=language)


@pytest.mark.parametrize(
    "given",
    [
        {"system__Uri": COLOURS, "code__Code": "red"},
        {"system__Uri": COLOURS, "code__Code": "red", "version__String": "1.0.0"},
        {"coding__Coding": {"system": COLOURS, "code": "red"}},
        {"target": colours(), "code__Code": "red"},
    ],
)
def test_a_code_is_looked_up_by_system_coding_or_instance(given):
    found = run(**given)
    assert (value(found, "name"), value(found, "display")) == ("Colours", "Red")


def test_the_display_suits_the_reader():
    given = {"system__Uri": COLOURS, "code__Code": "red"}
    assert value(run(**given, language="uk"), "display") == "Червоний"
    assert value(run(**given, displayLanguage__Code="uk"), "display") == "Червоний"


def test_designations_and_properties_are_told_in_parts():
    found = run(system__Uri=COLOURS, code__Code="red")
    assert value(found, "designation") == [
        {"name": "language", "valueCode": "uk"},
        {"name": "value", "valueString": "Червоний"},
    ]
    assert value(found, "property") == [
        {"name": "code", "valueCode": "wave"},
        {"name": "value", "valueCode": "long"},
        {"name": "description", "valueString": "Length of the wave"},
    ]


def test_properties_can_be_chosen():
    found = run(system__Uri=COLOURS, code__Code="red", property__Code="parent")
    assert value(found, "property")[1] == {"name": "value", "valueCode": "warm"}
    assert value(found, "designation") is None


def test_what_is_not_here_is_not_found():
    with pytest.raises(NotFound):
        run(system__Uri=COLOURS, code__Code="mauve")


@pytest.mark.parametrize("given", [{}, {"code__Code": "red"}, {"coding__Coding": {"code": "red"}}])
def test_an_incomplete_request_is_refused(given):
    with pytest.raises(InvalidRequest):
        run(**given)
