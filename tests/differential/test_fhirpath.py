"""Our answers beside those of fhirpathpy and fhirpath.js; http://hl7.org/fhirpath/N1/

A difference needs a rule in ``differences.yaml`` that says why; one without a rule fails. For more
than the few that fit in a test run: ``python -m tests.differential.campaign COUNT``.
"""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.differential import engines
from tests.differential.campaign import differences, pinned, questions, unexplained

RULES = yaml.safe_load(Path(__file__).with_name("differences.yaml").read_text())
FEW, MORE, SEED = 200, 1_500, 20


def test_each_rule_says_why_and_where_it_is_written() -> None:
    for rule in RULES:
        re.compile(rule["expression"])
        assert rule["why"]
        assert "hl7.org/fhirpath/" in rule["spec"] or "hl7.org/fhir/R4/" in rule["spec"]


def test_a_difference_without_rule_is_found() -> None:
    asked = [("practitioners/family-doctor.json", "1 + 1")]
    (found,) = differences("javascript", pinned(), asked, [[3.0]])
    assert unexplained([found], RULES) == [found]
    assert found.ours == [2.0]


def test_the_generator_makes_the_same_expressions_again_and_most_give_something() -> None:
    known = pinned()
    asked = questions(known, 200, SEED)
    assert asked == questions(known, 200, SEED)
    answers = [engines.ours(known[name], text) for name, text in asked]
    assert sum(answer is not None for answer in answers) > 180
    assert sum(bool(answer) for answer in answers) > 100


def test_differences_from_fhirpathpy_have_a_reason() -> None:
    known = pinned()
    asked = questions(known, FEW, SEED)
    answers = [engines.python(known[name], text) for name, text in asked]
    assert unexplained(differences("python", known, asked, answers), RULES) == []


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js, which the project does not")
def test_differences_from_fhirpath_js_have_a_reason(tmp_path: Path) -> None:
    known = pinned()
    asked = questions(known, MORE, SEED)
    engines.install(tmp_path)
    answers = list(engines.javascript(tmp_path, known, asked))
    assert unexplained(differences("javascript", known, asked, answers), RULES) == []
