"""Subsumption: https://hl7.org/fhir/R4/codesystem-operation-subsumes.html."""

import pytest

from fhir_server.model import NotFound
from fhir_server.terminology import subsumes
from tests.support.terminology import COLOURS, code_system, terminology


@pytest.mark.parametrize(
    ("a", "b", "outcome"),
    [
        ("red", "red", "equivalent"),
        ("any", "red", "subsumes"),
        ("red", "warm", "subsumed-by"),
        ("red", "blue", "not-subsumed"),
    ],
)
def test_the_hierarchy_decides(a, b, outcome):
    assert subsumes(terminology().systems, COLOURS, a, b) == outcome


def test_a_hierarchy_of_parts_subsumes_nothing():
    body = code_system(
        "https://example.org/s",
        {"code": "arm", "concept": [{"code": "hand"}]},
        hierarchyMeaning="part-of",
    )
    outcome = subsumes(terminology(body).systems, "https://example.org/s", "arm", "hand")
    assert outcome == "not-subsumed"


def test_an_unknown_code_is_not_found():
    with pytest.raises(NotFound):
        subsumes(terminology().systems, COLOURS, "red", "mauve")
