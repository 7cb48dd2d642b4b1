"""What is inside of texts is looked for among the distinct ones, where there are not too many."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from fhir_server.search import StringMatch
from fhir_server.storage.sqlite import distinct_texts, open_sqlite
from tests.support.stored import fill, ids, query, texts

pytestmark = pytest.mark.anyio

NAMES = {f"p{number}": texts(f"Name {number % 6} of {number % 2}") for number in range(12)}
ODD = {f"p{number}" for number in range(1, 12, 2)}


def inside(text: str, mode: Literal["contains", "suffix"] = "contains") -> StringMatch:
    return StringMatch(parameter="name", mode=mode, values=(text,))


@pytest.fixture(params=["few texts", "many texts"])
def limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "many texts":
        monkeypatch.setattr(distinct_texts, "MAX_DISTINCT", 3)


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize("page_count", [1, 2, 100])
async def test_few_and_many_texts_give_the_same_matches(page_count: int) -> None:
    store = await open_sqlite(":memory:")
    await fill(store, **NAMES)
    for node, expected in (
        (inside("of 1"), ODD),
        (inside("of 1", "suffix"), ODD),
        (inside("name"), set(NAMES)),
        (inside("nobody"), set()),
    ):
        found = await ids(store, query(node, page_count=page_count))
        assert (set(found), len(found)) == (expected, len(expected))
        counted = await store.search(query(node, page_count=0, total="accurate"))
        assert counted.total == len(expected)
    await store.close()


@pytest.mark.parametrize(("first", "then"), [(3, 2000), (2000, 3)])
async def test_pages_go_on_when_the_number_of_texts_has_passed_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, then: int
) -> None:
    asked = query(inside("of 1"), page_count=2)
    monkeypatch.setattr(distinct_texts, "MAX_DISTINCT", first)
    store = await open_sqlite(tmp_path / "s.sqlite")
    await fill(store, **NAMES)
    page = await store.search(asked)
    await store.close()
    monkeypatch.setattr(distinct_texts, "MAX_DISTINCT", then)
    store = await open_sqlite(tmp_path / "s.sqlite")
    rest = await ids(store, replace(asked, after=page.next))
    await store.close()
    found = [match.logical_id for match in page.matches] + rest
    assert sorted(found) == sorted(ODD)
