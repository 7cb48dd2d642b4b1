"""``$translate``: https://hl7.org/fhir/R4/conceptmap-operation-translate.html."""

import pytest

from fhir_server.model import InvalidRequest, NotFound
from fhir_server.operation import translate
from tests.support.terminology import parameters, terminology, value

MAP = "https://example.org/ConceptMap/m"
HERE, THERE = "https://example.org/here", "https://example.org/there"
CONCEPT_MAP = {
    "resourceType": "ConceptMap",
    "url": MAP,
    "version": "1",
    "status": "active",
    "sourceUri": "https://example.org/source",
    "targetUri": "https://example.org/target",
    "group": [
        {
            "source": HERE,
            "target": THERE,
            "element": [
                {
                    "code": "a",
                    "target": [
                        {
                            "code": "X",
                            "display": "Ex",
                            "equivalence": "wider",
                            "comment": "roughly",
                            "dependsOn": [{"property": "sex", "value": "female"}],
                            "product": [{"property": "side", "system": "s", "value": "left"}],
                        }
                    ],
                }
            ],
        }
    ],
}


def run(target=None, language="", **given):
    return translate.run(
        terminology(CONCEPT_MAP), parameters(**given), target=target, language=language
    )


@pytest.mark.parametrize(
    "given",
    [
        {"url__Uri": MAP, "system__Uri": HERE, "code__Code": "a"},
        {"url__Uri": MAP, "conceptMapVersion__String": "1", "system__Uri": HERE, "code__Code": "a"},
        {"target": CONCEPT_MAP, "coding__Coding": {"system": HERE, "code": "a"}},
        {"conceptMap": CONCEPT_MAP, "coding__Coding": {"system": HERE, "code": "a"}},
        {
            "source__Uri": "https://example.org/source",
            "target__Uri": "https://example.org/target",
            "codeableConcept__CodeableConcept": {"coding": [{"system": HERE, "code": "a"}]},
        },
    ],
)
def test_a_code_is_translated_by_the_map_that_is_meant(given):
    given = dict(given)
    found = run(**given)
    assert value(found, "result") is True
    assert value(found, "match") == [
        {"name": "equivalence", "valueCode": "wider"},
        {"name": "concept", "valueCoding": {"system": THERE, "code": "X", "display": "Ex"}},
        {
            "name": "product",
            "part": [
                {"name": "element", "valueUri": "side"},
                {"name": "concept", "valueCoding": {"system": "s", "code": "left"}},
            ],
        },
        {"name": "message", "valueString": "roughly"},
        {"name": "source", "valueUri": MAP},
    ]


def test_a_map_is_read_backwards():
    found = run(
        source__Uri="https://example.org/target",
        reverse__Boolean=True,
        system__Uri=THERE,
        code__Code="X",
    )
    assert value(found, "match")[1]["valueCoding"] == {"system": HERE, "code": "a"}


def test_dependencies_are_respected():
    answer = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": MAP},
            {"name": "coding", "valueCoding": {"system": HERE, "code": "a"}},
            {
                "name": "dependency",
                "part": [
                    {"name": "element", "valueUri": "sex"},
                    {"name": "concept", "valueCodeableConcept": {"coding": [{"code": "male"}]}},
                ],
            },
        ],
    }
    assert value(translate.run(terminology(CONCEPT_MAP), answer), "result") is False


def test_no_translation_is_no_error():
    found = run(url__Uri=MAP, system__Uri=HERE, code__Code="z")
    assert value(found, "result") is False
    assert "«z»" in value(found, "message")
    english = run(url__Uri=MAP, system__Uri=HERE, code__Code="z", language="en")
    assert "No concept map here has a match" in value(english, "message")  # translation-none


def test_an_unknown_map_is_not_found():
    with pytest.raises(NotFound) as refusal:
        run(url__Uri=MAP + "9", system__Uri=HERE, code__Code="a")
    assert refusal.value.issues[0].rule == "concept-map-unknown"


@pytest.mark.parametrize("given", [{}, {"code__Code": "a"}, {"coding__Coding": {"system": HERE}}])
def test_an_incomplete_request_is_refused(given):
    with pytest.raises(InvalidRequest):
        run(url__Uri=MAP, **given)
