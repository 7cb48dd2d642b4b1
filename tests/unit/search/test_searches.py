"""Whole searches: resources are indexed, queries parsed, and the one is matched with the other."""

from collections.abc import Callable

import pytest

from fhir_server.definitions import Registry
from fhir_server.model import InvalidRequest, TooCostly
from fhir_server.search import IndexExtractor, ParsedSearch
from tests.support.search_evaluator import Corpus, search
from tests.unit.search.conftest import BASE_URL, data, exact

CASES = data("searches.yaml")
REFUSALS = data("refusals.yaml")


@pytest.fixture(scope="module")
def corpus(registry: Registry) -> Corpus:
    extractor = IndexExtractor(registry, base_urls=[BASE_URL], full_text="content")
    resources = [exact(resource) for resource in CASES["resources"]]
    return {(r["resourceType"], r["id"]): extractor.extract(r) for r in resources}


@pytest.mark.parametrize(("query", "ids"), CASES["searches"].items())
def test_a_search_finds_what_the_specification_says(
    query: str, ids: list[str], corpus: Corpus, parse: Callable[..., ParsedSearch]
) -> None:
    found = search(parse(query).query, corpus)
    assert sorted(logical_id for _, logical_id in found) == sorted(ids)


@pytest.mark.parametrize(("query", "rule"), REFUSALS.items())
def test_what_is_not_understood_is_refused_with_the_clause_named(
    query: str, rule: str, parse: Callable[..., ParsedSearch]
) -> None:
    with pytest.raises((InvalidRequest, TooCostly)) as refused:
        parse(query)
    (found,) = refused.value.issues
    assert found.rule == rule
    name = query.partition("?")[2].rpartition("&")[2].partition("=")[0]
    assert found.expression == f"http.{name}"
    assert f"'{name}'" in found.text.en
    assert f"«{name}»" in found.text.uk
