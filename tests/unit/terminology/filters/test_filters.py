"""Filters: https://hl7.org/fhir/R4/valueset-filter-operator.html."""

from pathlib import Path

import pytest
import yaml

from fhir_server.model import ValidationFailed
from fhir_server.terminology.filters import OPERATORS, check_filter, select
from fhir_server.terminology.listed_system import ListedSystem
from tests.support.terminology import colours

CASES = yaml.safe_load(Path(__file__).with_name("filters.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['property']} {c['op']} {c['value']}")
def test_a_filter_selects_the_codes_of_the_table(case):
    assert select(ListedSystem(colours()), case) == set(case["codes"])


def test_every_operator_is_in_the_table():
    assert {case["op"] for case in CASES} == set(OPERATORS)


@pytest.mark.parametrize(
    ("clause", "rule"),
    [
        ({"property": "concept", "op": "is-a"}, "value-set-filter-incomplete"),
        ({"op": "is-a", "value": "red"}, "value-set-filter-incomplete"),
        (
            {"property": "concept", "op": "looks-like", "value": "red"},
            "value-set-filter-operator",
        ),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(clause, rule):
    with pytest.raises(ValidationFailed) as refusal:
        check_filter("https://example.org", clause)
    assert [found.rule for found in refusal.value.issues] == [rule]


@pytest.mark.parametrize(
    ("clause", "rule"),
    [
        ({"property": "taste", "op": "=", "value": "sweet"}, "value-set-filter-property"),
        ({"property": "code", "op": "regex", "value": "("}, "value-set-filter-regex"),
        ({"property": "code", "op": "regex", "value": r"(a)\1"}, "value-set-filter-regex"),
    ],
)
def test_a_filter_that_does_not_fit_the_system_is_refused(clause, rule):
    with pytest.raises(ValidationFailed) as refusal:
        select(ListedSystem(colours()), clause)
    assert [found.rule for found in refusal.value.issues] == [rule]


def test_a_regular_expression_cannot_hang():
    system = ListedSystem({"url": "u", "concept": [{"code": "a" * 5_000 + "!"}]})
    assert select(system, {"property": "code", "op": "regex", "value": "(a+)+$"}) == set()
