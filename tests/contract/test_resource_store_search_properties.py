"""Random resources, histories of writes and queries: a store finds what the evaluator does.

Vocabularies are tiny, so that values meet. The evaluator is ``tests/support/search_evaluator.py``.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import (
    OPEN_HIGH,
    OPEN_LOW,
    And,
    Chain,
    CompositeMatch,
    CompositeValue,
    DateMatch,
    DateTerm,
    DateValue,
    Has,
    IdMatch,
    IndexValues,
    Missing,
    NearMatch,
    NearTerm,
    Node,
    Not,
    NumberMatch,
    NumberTerm,
    NumberValue,
    Or,
    PositionValue,
    Prefix,
    QuantityMatch,
    QuantityTerm,
    QuantityValue,
    ReferenceMatch,
    ReferenceTerm,
    ReferenceValue,
    SearchQuery,
    SortKey,
    StringMatch,
    StringValue,
    TokenMatch,
    TokenTerm,
    TokenValue,
    TypeMatch,
    UriMatch,
    UriValue,
    fold,
)
from fhir_server.storage import ResourceStore, Write
from tests.contract.conftest import StoreFactory
from tests.support import search_evaluator as evaluator
from tests.support.stored import deletion, write

TYPES = st.sampled_from([ResourceType("Patient"), ResourceType("Group")])
IDS = st.sampled_from([LogicalId(text) for text in ("1", "2", "a", "A", "3.x")])
SYSTEMS = st.sampled_from(["", "s", "t"])
CODES = st.sampled_from(["", "a", "b", "A"])
TEXTS = st.sampled_from(["Шевченко", "шевченко", "Шев", "Müller", "muller", "a%", "a_b", "a", "я"])
URIS = st.sampled_from(["http://a", "http://a/", "http://a/b", "http://a/b/c", "http://a/bc", "#"])
MOMENTS = st.sampled_from([OPEN_LOW, -5, 0, 10, 20, 30, 86_400_000_000, OPEN_HIGH])
NUMBERS = st.sampled_from(
    [Decimal(n) for n in ("-10", "-0.5", "0", "0.0", "0.1", "0.10", "1", "9", "10", "1E+20")]
)
DEGREES = st.sampled_from([Decimal(n) for n in ("-80", "0", "49.9", "50.1", "89.9")])
PREFIXES = st.sampled_from(get_args(Prefix))


def ordered(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    """Two values, the lesser first."""
    return st.tuples(values, values).map(lambda both: (min(both), max(both)))


def named(make: Any, name: str, *values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Index values or leaves of one parameter."""
    return st.tuples(*values).map(lambda found: make(name, *found))


def token_values(name: str = "t") -> st.SearchStrategy[TokenValue]:
    return named(TokenValue, name, SYSTEMS, CODES)


def quantity_values(name: str = "q") -> st.SearchStrategy[QuantityValue]:
    return st.tuples(SYSTEMS, CODES, ordered(NUMBERS)).map(
        lambda found: QuantityValue(name, found[0], found[1], *found[2])
    )


def date_values(name: str = "d") -> st.SearchStrategy[DateValue]:
    return ordered(MOMENTS).map(lambda ends: DateValue(name, *ends))


def reference_values(name: str = "r") -> st.SearchStrategy[ReferenceValue]:
    local = st.tuples(TYPES, IDS).map(lambda to: ReferenceValue(name, *to, ""))
    return local | URIS.map(lambda url: ReferenceValue(name, "", "", url))


def some(values: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=least, max_size=2, unique=True)


COMPOSITES = st.tuples(
    some(token_values("c$0"), 1),
    some(quantity_values("c$1") | date_values("c$1") | reference_values("c$1"), 1),
).map(lambda parts: CompositeValue("c", (*parts[0], *parts[1])))

VALUES = st.builds(
    IndexValues,
    tokens=some(token_values()),
    strings=some(TEXTS.map(lambda text: StringValue("n", fold(text), text))),
    dates=some(date_values()),
    numbers=some(ordered(NUMBERS).map(lambda ends: NumberValue("x", *ends))),
    quantities=some(quantity_values()),
    references=some(reference_values()),
    uris=some(named(UriValue, "u", URIS)),
    positions=some(named(PositionValue, "p", DEGREES, DEGREES)),
    composites=some(COMPOSITES),
)


@st.composite
def number_terms(draw: st.DrawFn) -> NumberTerm:
    value = draw(NUMBERS)
    half = draw(st.sampled_from([Decimal("0"), Decimal("0.05"), Decimal("0.5")]))
    return NumberTerm(draw(PREFIXES), value, value - half, value + half)


@st.composite
def date_terms(draw: st.DrawFn) -> DateTerm:
    low, high = draw(ordered(MOMENTS))
    return DateTerm(draw(PREFIXES), low, high)


def either(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | value


def leaf(
    make: Any, name: str, terms: st.SearchStrategy[Any], **rest: Any
) -> st.SearchStrategy[Any]:
    return st.builds(
        make,
        parameter=st.just(name),
        values=st.lists(terms, min_size=1, max_size=3).map(tuple),
        **rest,
    )


def token_leaves(name: str = "t") -> st.SearchStrategy[TokenMatch]:
    return leaf(TokenMatch, name, st.builds(TokenTerm, either(SYSTEMS), either(CODES)))


def date_leaves(name: str = "d") -> st.SearchStrategy[DateMatch]:
    return leaf(DateMatch, name, date_terms())


def quantity_leaves(name: str = "q") -> st.SearchStrategy[QuantityMatch]:
    terms = st.builds(QuantityTerm, number_terms(), either(SYSTEMS), either(CODES))
    return leaf(QuantityMatch, name, terms)


def reference_leaves(name: str = "r") -> st.SearchStrategy[ReferenceMatch]:
    local = st.builds(ReferenceTerm, TYPES | st.just(""), IDS, st.just(""))
    return leaf(ReferenceMatch, name, local | URIS.map(lambda url: ReferenceTerm("", "", url)))


COMPOSITE_TERMS = st.tuples(
    token_leaves("c$0"), quantity_leaves("c$1") | date_leaves("c$1") | reference_leaves("c$1")
)
FRAGMENTS = st.sampled_from(["", "шев", "шевченко", "мул", "m", "a", "a%", "_", "я"])
CIRCLES = st.builds(
    NearTerm, DEGREES.map(float), DEGREES.map(float), st.sampled_from([1.0, 1e5, 3e6, 1.9e7])
)
LEAVES = st.one_of(
    token_leaves(),
    leaf(
        StringMatch, "n", FRAGMENTS, mode=st.sampled_from(["prefix", "contains", "equal", "suffix"])
    ),
    leaf(StringMatch, "n", TEXTS, mode=st.just("exact")),
    date_leaves(),
    leaf(NumberMatch, "x", number_terms()),
    quantity_leaves(),
    reference_leaves(),
    leaf(UriMatch, "u", URIS, mode=st.sampled_from(["exact", "below", "above"])),
    leaf(NearMatch, "p", CIRCLES),
    st.builds(
        CompositeMatch,
        parameter=st.just("c"),
        values=st.lists(COMPOSITE_TERMS, min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Missing, parameter=st.sampled_from([*"tndxqrupc", "never"]), is_missing=st.booleans()
    ),
    st.builds(IdMatch, values=st.lists(IDS, max_size=3).map(tuple)),
    st.builds(TypeMatch, values=st.lists(TYPES, max_size=2).map(tuple)),
)


def larger(part: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(part, max_size=3).map(tuple)
    return st.one_of(
        st.builds(And, parts=parts),
        st.builds(Or, parts=parts),
        st.builds(Not, part=part),
        st.builds(Chain, parameter=st.just("r"), target_type=TYPES, where=part),
        st.builds(Has, source_type=TYPES, parameter=st.just("r"), where=part),
    )


NODES: st.SearchStrategy[Node] = st.recursive(LEAVES, larger, max_leaves=5)
KINDS = {
    "t": "token", "n": "string", "d": "date", "x": "number", "q": "quantity", "r": "reference",
    "u": "uri", "_id": "_id",
}  # fmt: skip
SORT_KEYS = st.builds(
    lambda name, is_descending: SortKey(
        parameter=name, kind=KINDS[name], is_descending=is_descending  # type: ignore[arg-type] # literals of the table
    ),
    st.sampled_from(sorted(KINDS)),
    st.booleans(),
)  # fmt: skip
QUERIES = st.builds(
    SearchQuery,
    resource_types=st.lists(TYPES, min_size=1, max_size=2, unique=True).map(tuple),
    where=NODES,
    sort=st.lists(SORT_KEYS, max_size=2, unique_by=lambda key: key.parameter).map(tuple),
    page_count=st.sampled_from([1, 2, 100]),
    total=st.just("accurate"),
)
CHANGES = st.lists(st.tuples(TYPES, IDS, st.none() | VALUES), max_size=14)


def commits(changes: Sequence[tuple[ResourceType, LogicalId, IndexValues | None]]) -> Any:
    """The changes as writes, and what is current after them."""
    versions: dict[evaluator.Key, int] = {}
    corpus: dict[evaluator.Key, IndexValues] = {}
    writes: list[Write] = []
    for resource_type, logical_id, values in changes:
        key = (resource_type, logical_id)
        if values is None and key not in corpus:
            continue
        versions[key] = versions.get(key, 0) + 1
        if values is None:
            del corpus[key]
            writes.append(deletion(logical_id, versions[key], resource_type=resource_type))
        else:
            corpus[key] = values
            writes.append(write(logical_id, versions[key], values, resource_type=resource_type))
    return writes, corpus


async def check(store: ResourceStore, queries: Sequence[SearchQuery], corpus: Any) -> None:
    for query in queries:
        expected = evaluator.search(query, corpus)
        found: list[evaluator.Key] = []
        asked = query
        while True:
            page = await store.search(asked)
            assert page.total == len(expected)
            assert len(page.matches) <= query.page_count
            found += [(match.resource_type, match.logical_id) for match in page.matches]
            assert len(found) <= len(expected), "pages must not go round"
            if page.next is None:
                break
            asked = replace(query, after=page.next)
        assert sorted(found) == sorted(expected)
        assert [order(query, key, corpus) for key in found] == [
            order(query, key, corpus) for key in expected
        ]


def order(query: SearchQuery, key: evaluator.Key, corpus: Any) -> list[Any]:
    """What a match is ordered by; ties may come in any order."""
    return [evaluator.sort_value(sort, key, corpus) for sort in query.sort]


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(together=st.booleans(), changes=CHANGES, queries=st.lists(QUERIES, min_size=1, max_size=8))
def test_a_store_finds_orders_and_pages_what_the_evaluator_does(
    open_store: StoreFactory, together: bool, changes: Any, queries: list[SearchQuery]
) -> None:
    writes, corpus = commits(changes)

    async def run(folder: Path) -> None:
        store = await open_store(folder)
        try:
            if together:
                await asyncio.gather(*(store.commit([one]) for one in writes))
            else:
                for one in writes:
                    await store.commit([one])
            await check(store, queries, corpus)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
