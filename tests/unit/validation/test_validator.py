"""The door: input stays as it is, threads may share it, targets can be handed in."""

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fhir_server.model import decode_object
from fhir_server.validation import RULES
from tests.support.profiles import profile

ORGANIZATION = "http://example.org/StructureDefinition/named-organization"
PATIENT = "http://example.org/StructureDefinition/patient-of-named"
DEFINITIONS = (
    profile(
        ORGANIZATION,
        "Organization",
        {"id": "Organization.name", "path": "Organization.name", "min": 1},
    ),
    profile(
        PATIENT,
        "Patient",
        {
            "id": "Patient.managingOrganization",
            "path": "Patient.managingOrganization",
            "type": [{"code": "Reference", "targetProfile": [ORGANIZATION]}],
        },
    ),
)


class Targets:
    """A resolver that knows some resources and notes what it is asked for."""

    def __init__(self, **resources: dict[str, Any]) -> None:
        self._resources = resources
        self.asked: list[str] = []

    def resolve(self, reference: str) -> dict[str, Any] | None:
        self.asked.append(reference)
        return self._resources.get(reference.replace("/", "_"))

    def is_deleted(self, reference: str) -> bool:
        return False


def test_rules_are_the_order_of_work() -> None:
    assert [rule.__name__.rpartition(".")[2] for rule in RULES] == [
        "fixed",
        "registered",
        "limit",
        "attachment",
        "coding",
        "binding",
        "reference",
        "aggregation",
        "profile",
        "invariant",
    ]


def test_input_is_not_changed(validate) -> None:
    resource = {"resourceType": "Patient", "name": {"family": "А"}, "gender": "mal"}
    before = copy.deepcopy(resource)
    validate(resource)
    assert resource == before


def test_a_target_that_is_handed_in_is_checked_against_its_profile(validate) -> None:
    resource = {"resourceType": "Patient", "managingOrganization": {"reference": "Organization/1"}}
    targets = Targets(Organization_1={"resourceType": "Organization", "id": "1"})
    found = validate(resource, definitions=DEFINITIONS, profiles=[PATIENT], resolver=targets)
    assert [i.rule for i in found] == ["reference-target-profile"]
    assert targets.asked == ["Organization/1"]


def test_a_target_that_is_not_here_is_taken_as_right(validate) -> None:
    resource = {"resourceType": "Patient", "managingOrganization": {"reference": "Organization/2"}}
    found = validate(resource, definitions=DEFINITIONS, profiles=[PATIENT], resolver=Targets())
    assert found == []


def test_a_target_of_another_type_than_the_reference_says(validate) -> None:
    resource = {"resourceType": "Patient", "managingOrganization": {"reference": "Organization/1"}}
    targets = Targets(Organization_1={"resourceType": "Patient", "id": "1"})
    found = validate(resource, definitions=DEFINITIONS, profiles=[PATIENT], resolver=targets)
    assert [i.rule for i in found] == ["reference-type-differs"]


def test_resources_that_refer_to_each_other_come_to_an_end(validate) -> None:
    linked = profile(
        "http://example.org/StructureDefinition/linked",
        "Patient",
        {
            "id": "Patient.link.other",
            "path": "Patient.link.other",
            "type": [
                {
                    "code": "Reference",
                    "targetProfile": ["http://example.org/StructureDefinition/linked"],
                }
            ],
        },
    )
    other = {"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}
    patient = {
        "resourceType": "Patient",
        "meta": {"profile": [linked["url"]]},
        "link": [{"other": other, "type": "seealso"}],
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": other["reference"], "resource": patient}],
    }
    assert validate(bundle, definitions=[linked]) == []


def test_many_threads_get_the_same_answer(base_validator) -> None:
    resource = {"resourceType": "Observation", "status": "done", "valueString": ""}
    expected = [(i.rule, i.expression) for i in base_validator.validate(resource)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: base_validator.validate(resource), range(64)))
    assert all([(i.rule, i.expression) for i in answer] == expected for answer in answers)


def test_texts_say_the_same_in_both_languages(validate) -> None:
    found = validate({"resourceType": "Patient", "gender": "mal"})[0]
    assert found.text.en == (
        "'mal' is not in the value set http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1,"
        " which is required here: use one of its codes."
    )
    assert "«mal» не входить до набору значень" in found.text.uk


def test_an_invariant_speaks_the_language_of_its_translation(validate) -> None:
    translated = profile(
        "http://example.org/StructureDefinition/translated",
        "Patient",
        {
            "id": "Patient",
            "path": "Patient",
            "constraint": [
                {
                    "key": "ex-1",
                    "severity": "error",
                    "human": "A patient is active",
                    "_human": {
                        "extension": [
                            {
                                "url": "http://hl7.org/fhir/StructureDefinition/translation",
                                "extension": [
                                    {"url": "lang", "valueCode": "uk"},
                                    {"url": "content", "valueString": "Пацієнт активний"},
                                ],
                            }
                        ]
                    },
                    "expression": "active.exists()",
                }
            ],
        },
    )
    found = validate(
        {"resourceType": "Patient", "gender": "male"},
        definitions=[translated],
        profiles=[translated["url"]],
    )[0]
    assert found.text.en == "A patient is active. Patient does not meet this rule (ex-1)."
    assert found.text.uk == "Пацієнт активний. Patient не відповідає цьому правилу (ex-1)."


def test_long_values_are_shortened_in_messages(validate) -> None:
    found = validate({"resourceType": "Patient", "birthDate": "1" * 5000})[0]
    assert len(found.text.en) < 300


def test_base64_of_a_megabyte_takes_no_time(validate) -> None:
    """R4's own expression needs seconds for a hundred characters."""
    resource = {"resourceType": "Binary", "contentType": "text/plain", "data": "A" * 999_999 + "!"}
    assert [i.rule for i in validate(resource)] == ["base64-invalid"]


@pytest.mark.parametrize("digits", ["1.0", "1.00"])
def test_decimals_keep_their_digits_when_they_are_compared(digits: str, validate) -> None:
    fixed = profile(
        "http://example.org/StructureDefinition/exact",
        "Observation",
        {
            "id": "Observation.value[x]",
            "path": "Observation.value[x]",
            "type": [{"code": "Quantity"}],
            "patternQuantity": {"value": 1},
        },
    )
    text = '{"resourceType": "Observation", "status": "final", "code": {"text": "a"},'
    resource = decode_object(f'{text} "valueQuantity": {{"value": {digits}}}}}'.encode())
    assert validate(resource, definitions=[fixed], profiles=[fixed["url"]]) == []
