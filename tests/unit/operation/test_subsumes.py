"""``$subsumes``: https://hl7.org/fhir/R4/codesystem-operation-subsumes.html."""

import pytest

from fhir_server.model import InvalidRequest
from fhir_server.operation import subsumes
from tests.support.terminology import COLOURS, colours, parameters, terminology, value


def run(target=None, **given):
    return subsumes.run(terminology(), parameters(**given), target=target)


@pytest.mark.parametrize(
    "given",
    [
        {"system__Uri": COLOURS, "codeA__Code": "warm", "codeB__Code": "red"},
        {"codeA__Code": "warm", "codeB__Code": "red", "target": colours()},
        {
            "codingA__Coding": {"system": COLOURS, "code": "warm"},
            "codingB__Coding": {"system": COLOURS, "code": "red"},
        },
    ],
)
def test_two_codes_are_compared(given):
    assert value(run(**given), "outcome") == "subsumes"


def test_codes_of_different_systems_are_refused():
    with pytest.raises(InvalidRequest) as refusal:
        run(
            codingA__Coding={"system": COLOURS, "code": "red"},
            codingB__Coding={"system": "https://example.org/s", "code": "red"},
        )
    assert refusal.value.issues[0].rule == "subsumes-different-systems"


@pytest.mark.parametrize(
    "given",
    [{}, {"codeA__Code": "red"}, {"codeA__Code": "red", "codeB__Code": "blue"}],
)
def test_an_incomplete_request_is_refused(given):
    with pytest.raises(InvalidRequest):
        run(**given)
