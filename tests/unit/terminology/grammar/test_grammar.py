"""Systems without CodeSystem resource: https://hl7.org/fhir/R4/terminologies-systems.html."""

from pathlib import Path

import pytest
import yaml

from fhir_server.terminology.grammar import BUILT_IN
from tests.support.terminology import terminology

CASES = yaml.safe_load(Path(__file__).with_name("grammar.yaml").read_text())
GOOD = [(case["system"], code) for case in CASES for code in case["good"]]
BAD = [(case["system"], code) for case in CASES for code in case["bad"]]


@pytest.mark.parametrize(("system", "code"), GOOD)
def test_a_code_of_the_grammar_is_found(system, code):
    assert terminology().check_code(system, code).verdict == "member"


@pytest.mark.parametrize(("system", "code"), BAD)
def test_a_code_the_grammar_refuses_is_unknown(system, code):
    found = terminology().check_code(system, code)
    assert found.verdict == "not-member"
    assert [i.rule for i in found.issues] == ["code-unknown"]


def test_every_built_in_system_has_cases():
    assert {case["system"] for case in CASES} == set(BUILT_IN)


def test_countries_and_languages_have_ukrainian_names():
    countries, languages = BUILT_IN["urn:iso:std:iso:3166"](), BUILT_IN["urn:ietf:bcp:47"]()
    country, language = countries.find("UA"), languages.find("uk-UA")
    assert country is not None
    assert country.designations[0]["value"] == "Україна"
    assert language is not None
    assert language.designations[0]["value"] == "українська (Україна)"


def test_a_currency_out_of_use_is_inactive():
    currencies = BUILT_IN["urn:iso:std:iso:4217"]()
    karbovanets, hryvnia = currencies.find("UAK"), currencies.find("UAH")
    assert karbovanets is not None
    assert karbovanets.is_inactive
    assert hryvnia is not None
    assert not hryvnia.is_inactive


def test_every_common_unit_of_r4_is_a_unit():
    codes = terminology().codes_of("http://hl7.org/fhir/ValueSet/ucum-common")
    assert codes is not None
    assert len(codes) > 1_300
