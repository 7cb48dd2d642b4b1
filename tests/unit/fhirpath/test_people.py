"""The door for people and scripts."""

from decimal import Decimal

import pytest

from fhir_server.fhirpath import FhirPathError, evaluate

PATIENT = {
    "resourceType": "Patient",
    "birthDate": "1974-12-25",
    "_gender": {"extension": [{"url": "http://x", "valueCode": "unknown"}]},
    "name": [{"given": ["Peter", "James"]}],
}
_BASE = "http://hl7.org/fhir/StructureDefinition/"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("name.given", ["Peter", "James"]),
        ("birthDate", ["1974-12-25"]),
        ("birthDate + 1 day", ["1974-12-26"]),
        ("1.50 + 1", [Decimal("2.50")]),
        ("2 days", [{"value": Decimal(2), "unit": "day"}]),
        ("name", [{"given": ["Peter", "James"]}]),
        ("gender", [PATIENT["_gender"]]),
        (f"conformsTo('{_BASE}DomainResource')", [True]),
        (f"conformsTo('{_BASE}Group')", [False]),
    ],
)
def test_results_are_json_values(expression: str, expected: list[object]) -> None:
    assert evaluate(PATIENT, expression) == expected


@pytest.mark.parametrize(
    "expression",
    ["nam", "Group.id", "name.as(HumanName).as(string).as(Foo)", "conformsTo('http://trash')",
     "conformsTo('http://hl7.org/fhir/StructureDefinition/bp')", "name.memberOf('http://x')"],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused(expression: str) -> None:
    with pytest.raises(FhirPathError):
        evaluate(PATIENT, expression)


def test_there_may_be_no_resource() -> None:
    assert evaluate(None, "1 + 1") == [2]
    assert evaluate(None, "Patient.name") == []


def test_variables_are_json_too() -> None:
    given = {"n": [1, 2], "who": PATIENT, "text": "a"}
    assert evaluate(None, "%n", given) == [1, 2]
    assert evaluate(None, "%who.name.given.first() & %text", given) == ["Petera"]


def test_plain_floats_are_taken_by_their_digits() -> None:
    resource = {"resourceType": "Observation", "valueQuantity": {"value": 0.1, "code": "g"}}
    assert evaluate(resource, "value.value + 0.2 = 0.3") == [True]


def test_a_resource_of_no_known_type_is_refused() -> None:
    with pytest.raises(ValueError, match="no resource type"):
        evaluate({"resourceType": "Foo"}, "id")
