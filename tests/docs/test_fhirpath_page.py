"""docs/fhirpath.md says what the engine does; http://hl7.org/fhirpath/N1/"""

import re
from pathlib import Path

import pytest

from fhir_server.fhirpath import evaluate

PAGE = Path(__file__).parents[2] / "docs/fhirpath.md"
ROW = re.compile(r"^\| `(?P<expression>[^`]+)` \| (?P<answer>[^|]+?) \|", re.MULTILINE)
PATIENT = {"resourceType": "Patient", "gender": "male", "name": [{"given": ["A", "B"]}]}
ANSWERS = {"empty": [], "given names": ["A", "B"]}


@pytest.mark.parametrize(("expression", "answer"), ROW.findall(PAGE.read_text(encoding="utf-8")))
def test_the_table_of_differences_is_true(expression: str, answer: str) -> None:
    if answer in ANSWERS:
        assert evaluate(PATIENT, expression) == ANSWERS[answer]
    else:
        assert evaluate(PATIENT, f"({expression}).toString()") == [answer.strip("`")]


def test_the_table_has_rows() -> None:
    assert len(ROW.findall(PAGE.read_text(encoding="utf-8"))) >= 8
