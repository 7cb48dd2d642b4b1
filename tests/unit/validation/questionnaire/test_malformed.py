"""Wrong content never stops the check: values are replaced by others, one at a time."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from fhir_server.terminology import Terminology
from fhir_server.validation import Validator
from tests.unit.validation.questionnaire.test_cases import form, response

CASES = yaml.safe_load(Path(__file__).with_name("responses.yaml").read_text(encoding="utf-8"))
EVERY_NTH = 4
WRONG_VALUES = (None, 1, "", [], {}, [None], [[]], {"a": 1}, True)


def spoiled(value: Any) -> Iterator[Any]:
    """Yield copies of a resource in which one value is of another kind."""
    places: list[list[Any]] = [[]]
    while places:
        place = places.pop()
        found = value
        for step in place:
            found = found[step]
        if place and place != ["resourceType"]:
            for at, wrong in enumerate(WRONG_VALUES):
                if (at + len(place)) % EVERY_NTH == 0:
                    copy = deepcopy(value)
                    inner = copy
                    for step in place[:-1]:
                        inner = inner[step]
                    inner[place[-1]] = wrong
                    yield copy
        if isinstance(found, dict):
            places += [[*place, key] for key in found]
        elif isinstance(found, list):
            places += [[*place, index] for index in range(len(found))]


def test_a_malformed_response_is_checked_to_the_end(registry) -> None:
    for case in CASES[::EVERY_NTH]:
        extended = registry.with_resources([form(case)])
        validator = Validator(extended, Terminology(extended))
        for resource in spoiled(response(case)):
            assert isinstance(validator.validate(resource), list)


def test_a_malformed_questionnaire_is_checked_and_used(registry) -> None:
    validator = Validator(registry, Terminology(registry))
    for case in CASES[1::EVERY_NTH]:
        for resource in spoiled(form(case)):
            contained = {**resource, "id": "f", "resourceType": "Questionnaire"}
            answered = {**response(case), "questionnaire": "#f", "contained": [contained]}
            assert isinstance(validator.validate(answered), list)
