"""What a search may cost: over a limit it is refused with the reason, never cut short."""

import pytest

from fhir_server.model import TooCostly
from fhir_server.search import (
    Chain,
    CompositeMatch,
    CompositeValue,
    Has,
    IndexValues,
    Node,
    NumberMatch,
    NumberTerm,
    NumberValue,
    ReferenceValue,
    SortKey,
    StringMatch,
    StringValue,
    TokenMatch,
    TokenTerm,
    TokenValue,
)
from fhir_server.storage.mongodb import MongoStore, clauses, searching
from tests.support.stored import fill, ids, query, token
from tests.unit.storage.mongodb.test_explain import number

pytestmark = pytest.mark.anyio

EVERYTHING = query(token(("s", "a"))).where


def values(n: int) -> IndexValues:
    exact = number("eq", n).value
    return IndexValues(
        tokens=[TokenValue("code", "s", "a")],
        strings=[StringValue("name", f"n{n}", f"N{n}")],
        numbers=[NumberValue("score", exact, exact)],
        references=[ReferenceValue("link", "Patient", f"p{n}", "")],
        composites=[
            CompositeValue("c", (TokenValue("c$0", "s", f"{n}"), NumberValue("c$1", exact, exact)))
        ],
    )


def second(term: NumberTerm) -> NumberMatch:
    return NumberMatch(parameter="c$1", values=(term,))


SEARCHES: dict[str, tuple[str, Node]] = {
    "search-contains-too-broad": (
        "MAX_CONTAINS", StringMatch(parameter="name", mode="contains", values=("n",))
    ),
    "search-too-wide": ("MAX_ALTERNATIVES", token(*(("s", f"{n}") for n in range(4)))),
    "search-chain-too-broad": (
        "MAX_LINKED", Chain(parameter="link", target_type="Patient", where=EVERYTHING)  # type: ignore[arg-type] # a type name
    ),
}  # fmt: skip


def no_walks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links are collected, whatever page is wanted."""
    monkeypatch.setattr(searching, "FEW_LINKED", 2)
    monkeypatch.setattr(searching, "MAX_BLOCKS", 0)


@pytest.mark.parametrize("rule", SEARCHES)
async def test_a_search_over_a_limit_is_refused(
    store: MongoStore, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit, node = SEARCHES[rule]
    await fill(store, **{f"p{n}": values(n) for n in range(3)})
    await ids(store, query(node))
    module = searching if hasattr(searching, limit) else clauses
    monkeypatch.setattr(module, limit, 2)
    no_walks(monkeypatch)
    with pytest.raises(TooCostly) as refused:
        await ids(store, query(node))
    assert [issue.rule for issue in refused.value.issues] == [rule]


async def test_a_has_over_the_limit_is_refused(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, **{f"p{n}": values(n) for n in range(3)})
    monkeypatch.setattr(searching, "MAX_LINKED", 2)
    no_walks(monkeypatch)
    node = Has(source_type="Patient", parameter="link", where=EVERYTHING)  # type: ignore[arg-type] # a type name
    with pytest.raises(TooCostly):
        await ids(store, query(node))


async def test_links_over_the_limit_are_walked_where_a_page_alone_is_wanted(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first page of what most have needs a few candidates; the total needs all."""
    await fill(store, **{f"p{n}": values(n) for n in range(9)})
    monkeypatch.setattr(searching, "FEW_LINKED", 2)
    monkeypatch.setattr(searching, "MAX_LINKED", 5)
    monkeypatch.setattr(searching, "FIRST_BLOCK", 2)
    expected = {f"p{n}" for n in range(9)}
    for node in (
        Has(source_type="Patient", parameter="link", where=EVERYTHING),  # type: ignore[arg-type] # a type name
        Chain(parameter="link", target_type="Patient", where=EVERYTHING),  # type: ignore[arg-type] # a type name
    ):
        assert set(await ids(store, query(node, page_count=2))) == expected
        with pytest.raises(TooCostly):
            await store.search(query(node, page_count=2, total="accurate"))


async def test_a_composite_that_stands_for_too_many_codes_is_refused(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, **{f"p{n}": values(n) for n in range(3)})
    first = TokenMatch(parameter="c$0", values=(TokenTerm("s", None),))
    node = CompositeMatch(parameter="c", values=((first, second(number("ge", 1))),))
    assert await ids(store, query(node)) == ["p2", "p1"]
    monkeypatch.setattr(clauses, "MAX_FOLDED", 2)
    with pytest.raises(TooCostly):
        await ids(store, query(node))


async def test_an_order_that_no_index_has_is_refused_for_many_matches(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, **{f"p{n}": values(n) for n in range(3)})
    asked = query(EVERYTHING, sort=(SortKey(parameter="score", kind="number"),))
    assert await ids(store, asked) == ["p0", "p1", "p2"]
    monkeypatch.setattr(searching, "MAX_SORTED", 2)
    with pytest.raises(TooCostly) as refused:
        await ids(store, asked)
    assert [issue.rule for issue in refused.value.issues] == ["search-sort-too-broad"]
    assert "_sort=score" in refused.value.issues[0].text.en
