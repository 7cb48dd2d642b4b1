"""Explanations of rules: complete in both languages, their examples true."""

import re
from urllib.parse import urlsplit

import pytest

from fhir_server.model import (
    Explanation,
    FhirError,
    catalogue,
    decode_object,
    explanations,
    specification_of,
)
from tests.support.national import validator

LEAST_EXPLAINED = 60
RULES = [pytest.param(rule, more, id=rule) for rule, more in explanations().items()]
WITH_EXAMPLE = [pytest.param(r, m, id=r) for r, m in explanations().items() if m.wrong is not None]
RUSSIAN_ONLY = re.compile("[ёъыэЁЪЫЭ]")


def told(text: str) -> set[str]:
    """The rules that a text breaks; dom-6 only recommends a narrative."""
    try:
        found = validator().validate(decode_object(text.encode()))
        return {issue.rule for issue in found if issue.found != "dom-6"}
    except FhirError as refusal:
        return {issue.rule for issue in refusal.issues}


def test_the_most_frequent_rules_are_explained() -> None:
    assert len(RULES) >= LEAST_EXPLAINED
    assert set(explanations()) <= set(catalogue())


@pytest.mark.parametrize(("rule", "more"), RULES)
def test_both_languages_say_something(rule: str, more: Explanation) -> None:
    for text in (more.mend, more.why):
        if text is not None:
            assert text.en
            assert text.en == text.en.strip()
            assert not re.search("[а-яіїєґ]", text.en)
            assert re.search("[а-яіїєґ]", text.uk)
            assert not RUSSIAN_ONLY.search(text.uk)
    assert (more.wrong is None) == (more.right is None)
    spec = specification_of(rule, catalogue()[rule].area)
    assert spec is not None
    assert urlsplit(spec).scheme == "https"


@pytest.mark.parametrize(("rule", "more"), WITH_EXAMPLE)
def test_the_example_breaks_the_rule_until_it_is_mended(rule: str, more: Explanation) -> None:
    assert more.wrong is not None
    assert more.right is not None
    assert rule in told(more.wrong)
    assert rule not in told(more.right)
