"""``$batch-validate-code``: many codes in one call; https://hl7.org/fhir/R4/terminology-service.html"""

import pytest

from fhir_server.model import InvalidRequest, TooCostly
from fhir_server.operation import batch_validate_code
from tests.support.terminology import (
    COLOURS,
    filtered,
    parameters,
    terminology,
    value,
    value_set,
)

VS = "https://example.org/ValueSet/v"
WARM = value_set(VS, filtered("concept", "is-a", "warm"))


def asked(*validations, **shared):
    body = parameters(**shared)
    entries = [{"name": "validation", "resource": parameters(**one)} for one in validations]
    return {**body, "parameter": [*body.get("parameter", ()), *entries]}


def test_each_validation_has_its_answer_in_order():
    red, blue = ({"code__Code": code, "system__Uri": COLOURS} for code in ("red", "blue"))
    found = batch_validate_code.run(terminology(WARM), asked(red, blue, url__Uri=VS), language="en")
    answers = [entry["resource"] for entry in found["parameter"]]
    assert [value(answer, "result") for answer in answers] == [True, False]


def test_a_validation_that_is_refused_does_not_stop_the_others():
    good = {"url__Uri": VS, "code__Code": "red", "system__Uri": COLOURS}
    found = batch_validate_code.run(terminology(WARM), asked({"code__Code": "red"}, good))
    outcome, answer = (entry["resource"] for entry in found["parameter"])
    assert outcome["resourceType"] == "OperationOutcome"
    assert value(answer, "result") is True


def test_what_a_validation_says_itself_goes_before_what_counts_for_all():
    own = {"url__Uri": "https://example.org/none", "code__Code": "red", "system__Uri": COLOURS}
    found = batch_validate_code.run(terminology(WARM), asked(own, url__Uri=VS))
    assert found["parameter"][0]["resource"]["resourceType"] == "OperationOutcome"


def test_codes_are_validated_against_code_systems_too():
    red, wrong = ({"code__Code": code} for code in ("red", "rot"))
    found = batch_validate_code.run_in_code_system(
        terminology(), asked(red, wrong, url__Uri=COLOURS)
    )
    answers = [entry["resource"] for entry in found["parameter"]]
    assert [value(answer, "result") for answer in answers] == [True, False]


def test_nothing_to_validate_and_too_much_are_refused():
    with pytest.raises(InvalidRequest) as empty:
        batch_validate_code.run(terminology(), asked(url__Uri=VS))
    assert empty.value.issues[0].rule == "batch-validation-missing"
    with pytest.raises(TooCostly) as long:
        batch_validate_code.run(terminology(), asked(*[{"code__Code": "red"}] * 1_001))
    assert long.value.issues[0].rule == "batch-validation-too-long"
