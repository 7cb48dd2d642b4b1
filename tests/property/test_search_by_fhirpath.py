"""A search finds what filtering every resource by FHIRPath finds: index, parser and store together.

Spec: https://hl7.org/fhir/R4/search.html
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from fhir_server.definitions import Registry, load_registry
from fhir_server.storage import ResourceStore
from fhir_server.storage.mongodb import plan, searching
from fhir_server.storage.sqlite import open_sqlite
from tests.support.fhirpath_search import ByFhirPath
from tests.support.filled import LAST_UPDATED, Filled
from tests.support.mongo_store import empty_store
from tests.support.random_corpus import BASE_URL, random_corpus, told
from tests.support.random_question import Asker
from tests.support.random_resource import random_resource
from tests.unit.search.conftest import NOW, Concepts

CONCEPTS = {
    code: set(Concepts().descendants(Concepts.SYSTEM, code) or ())
    for code in ("disease", "diabetes", "type-1", "type-2")
}
SEEDS = st.integers(0, 2**32)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: a failure names one question, and a smaller seed is no smaller corpus."""


@cache
def registry() -> Registry:
    return load_registry(national=False)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


def check(
    filled: Filled,
    resources: Sequence[dict[str, Any]],
    seed: int,
    *,
    question_count: int,
    total: Literal["none", "accurate"] = "accurate",
) -> None:
    """Ask random questions about the resources; name the seed and the question that differ."""
    filled.put_all(resources)
    truth = ByFhirPath(registry(), resources, base_url=BASE_URL, now=NOW, concepts=CONCEPTS)
    asker = Asker(Random(seed), truth, registry())  # noqa: S311 # chance, no secret
    for _ in range(question_count):
        kind, asked = asker.search()
        texts = [(name, str(value)) for name, value in asked]
        query = replace(filled.parsed(kind, texts), page_count=3, total=total)
        found, told = filled.pages(query)
        expected = truth.search(kind, asked)
        assert {logical_id for _, logical_id in found} == expected, (seed, kind, texts)
        assert len(found) == len(expected), (seed, kind, texts)
        assert told == (None if total == "none" else len(expected)), (seed, kind, texts)


def in_store(
    runner: asyncio.Runner, store: ResourceStore, *corpus: Any, count: int, **asked: Any
) -> None:
    try:
        check(Filled(runner, store, registry()), *corpus, question_count=count, **asked)
    finally:
        runner.run(store.close())


@settings(max_examples=12, deadline=None, phases=PHASES)
@example(seed=135)
@given(seed=SEEDS)
def test_sqlite_finds_what_fhirpath_finds(runner: asyncio.Runner, seed: int) -> None:
    store = runner.run(open_sqlite(":memory:"))
    in_store(runner, store, random_corpus(seed), seed, count=30)


@settings(max_examples=3, deadline=None, phases=PHASES)
@given(seed=SEEDS)
def test_mongodb_finds_what_fhirpath_finds(
    runner: asyncio.Runner, mongodb_url: str, seed: int
) -> None:
    store = runner.run(empty_store(mongodb_url))
    in_store(runner, store, random_corpus(seed), seed, count=40)


@settings(max_examples=3, deadline=None, phases=PHASES)
@given(seed=SEEDS)
def test_links_that_mongodb_walks_find_what_fhirpath_finds(
    runner: asyncio.Runner, mongodb_url: str, seed: int
) -> None:
    store = runner.run(empty_store(mongodb_url))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(searching, "FEW_LINKED", 0)
        patched.setattr(searching, "FIRST_BLOCK", 2)
        patched.setattr(plan, "MAX_CANDIDATES", seed % 4)
        in_store(runner, store, random_corpus(seed), seed, count=40, total="none")


@settings(
    max_examples=15,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(kind=st.sampled_from(sorted(registry().types.resource_types)), seed=SEEDS, data=st.data())
def test_every_parameter_of_every_type_finds_what_fhirpath_finds(
    runner: asyncio.Runner, kind: str, seed: int, data: st.DataObject
) -> None:
    drawn = [told(data.draw(random_resource(registry().types, kind))) for _ in range(2)]
    resources = [
        {**one, "id": str(n), "meta": {**one.get("meta", {}), "lastUpdated": LAST_UPDATED}}
        for n, one in enumerate(drawn)
    ]
    if kind != "Patient":
        meta, name = {"lastUpdated": LAST_UPDATED}, [{"family": "alpha"}]
        resources.append({"resourceType": "Patient", "id": "1", "meta": meta, "name": name})
    store = runner.run(open_sqlite(":memory:"))
    in_store(runner, store, resources, seed, count=25)
