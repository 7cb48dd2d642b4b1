"""Search: order, pages, totals, several types, and text that means to do harm.

What matches is the table in ``search/tree.py``; random trees are compared with the evaluator in
``test_resource_store_search_properties.py``.

Spec: https://hl7.org/fhir/R4/search.html
"""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from fhir_server.model import InvalidRequest, LogicalId, ResourceType
from fhir_server.search import (
    EVERYTHING,
    NOTHING,
    And,
    DateMatch,
    DateTerm,
    DateValue,
    IdMatch,
    IndexValues,
    Not,
    NumberTerm,
    NumberValue,
    PagePosition,
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
from fhir_server.storage import ResourceStore
from tests.support.stored import deletion, fill, ids, links, pages, query, token, tokens, write

pytestmark = pytest.mark.anyio

SORTED = {
    "a": IndexValues(dates=[DateValue("d", 5, 6)], strings=[StringValue("s", "b", "B")]),
    "b": IndexValues(dates=[DateValue("d", 3, 4), DateValue("d", 9, 10)]),
    "c": IndexValues(strings=[StringValue("s", "a", "A"), StringValue("s", "z", "Z")]),
    "d": IndexValues(dates=[DateValue("d", 5, 9)], strings=[StringValue("s", "a", "a")]),
    "e": IndexValues(),
}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([("d", "date", False)], [{"b"}, {"a", "d"}, {"c", "e"}]),
        ([("d", "date", True)], [{"b"}, {"a", "d"}, {"c", "e"}]),
        ([("s", "string", False)], [{"c", "d"}, {"a"}, {"b", "e"}]),
        ([("s", "string", True)], [{"c"}, {"a"}, {"d"}, {"b", "e"}]),
        ([("d", "date", False), ("s", "string", True)], [{"b"}, {"a"}, {"d"}, {"c"}, {"e"}]),
        ([("s", "string", False), ("d", "date", False)], [{"d"}, {"c"}, {"a"}, {"b"}, {"e"}]),
        ([("_id", "_id", False)], [{"a"}, {"b"}, {"c"}, {"d"}, {"e"}]),
        ([("d", "date", True), ("_id", "_id", True)], [{"b"}, {"d"}, {"a"}, {"e"}, {"c"}]),
        ([("never", "token", False), ("_id", "_id", False)], [{"a"}, {"b"}, {"c"}, {"d"}, {"e"}]),
    ],
)
@pytest.mark.parametrize("page_count", [1, 2, 3, 10])
async def test_order_has_the_least_or_greatest_value_first_and_missing_ones_last(
    store: ResourceStore,
    keys: list[tuple[str, str, bool]],
    expected: list[set[str]],
    page_count: int,
) -> None:
    await fill(store, **SORTED)
    sort = tuple(SortKey(parameter=p, kind=k, is_descending=d) for p, k, d in keys)  # type: ignore[arg-type] # literals of the table
    for where in (EVERYTHING, Not(part=NOTHING), IdMatch(values=tuple(map(LogicalId, SORTED)))):
        found = await ids(store, query(where, sort=sort, page_count=page_count))
        for group in expected:
            head, found = found[: len(group)], found[len(group) :]
            assert set(head) == group
        assert found == []


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("token", [tokens((s, c), parameter="p") for s, c in (("z", "a"), ("y", "b"), ("a", "c"))]),
        (
            "number",
            [
                IndexValues(numbers=[NumberValue("p", Decimal(n), Decimal(n))])
                for n in ("-1E3", "-20", "-3", "0", "0.005", "0.04", "3", "20", "1E3")
            ],
        ),
        (
            "quantity",
            [
                IndexValues(quantities=[QuantityValue("p", "s", f"{n}", Decimal(n), Decimal(n))])
                for n in (-2, 1, 10)
            ],
        ),
        (
            "reference",
            [
                links("Group/2", parameter="p"),
                links("Patient/1", parameter="p"),
                IndexValues(references=[ReferenceValue("p", "", "", "urn:x")]),
            ],
        ),
        ("uri", [IndexValues(uris=[UriValue("p", u)]) for u in ("http://a", "http://b", "urn:x")]),
        (
            "string",
            [
                IndexValues(strings=[StringValue("p", t, t)])
                for t in ("a", "aa", "z", "а", "я", "𝒳")
            ],
        ),
    ],
)
async def test_every_kind_of_parameter_can_be_sorted_by(
    store: ResourceStore, kind: str, values: list[IndexValues], is_descending: bool
) -> None:
    order = [f"r{n}" for n in range(len(values))]
    names = dict(zip(order, values, strict=True))
    await fill(store, **{name: names[name] for name in sorted(order, key=hash)})
    sort = (SortKey(parameter="p", kind=kind, is_descending=is_descending),)  # type: ignore[arg-type] # a literal of the table
    found = await ids(store, query(EVERYTHING, sort=sort, page_count=2))
    assert found == (order[::-1] if is_descending else order)


async def test_pages_have_the_size_that_was_asked_for(store: ResourceStore) -> None:
    await fill(store, **{f"p{n}": IndexValues() for n in range(7)})
    sizes = [len(page) for page in await pages(store, query(EVERYTHING, page_count=3))]
    assert sizes == [3, 3, 1]
    sizes = [len(page) for page in await pages(store, query(EVERYTHING, page_count=7))]
    assert sizes == [7]


PAGED = [
    query(token(("s", "a")), page_count=2),
    query(token(("s", "a"), ("t", "a"), (None, "b")), page_count=2),
    query(EVERYTHING, page_count=2),
    query(DateMatch(parameter="date", values=(DateTerm("ge", 5, 6),)), page_count=2),
    query(StringMatch(parameter="name", mode="prefix", values=("n",)), page_count=2),
    query(EVERYTHING, page_count=2, sort=(SortKey(parameter="date", kind="date"),)),
    query(EVERYTHING, "Patient", "Group", page_count=2),
    query(
        token(("s", "a")),
        page_count=2,
        sort=(SortKey(parameter="name", kind="string", is_descending=True),),
    ),
]


@pytest.mark.parametrize("asked", PAGED)
async def test_writes_between_pages_leave_no_gap_and_repeat_nothing(
    store: ResourceStore, asked: SearchQuery
) -> None:
    def values(n: int) -> IndexValues:
        return IndexValues(
            tokens=[TokenValue("code", "s", "a"), TokenValue("code", "t", "b")],
            dates=[DateValue("date", 10 + n % 3, 12 + n % 3)],
            strings=[StringValue("name", f"n{n % 4}", f"N{n % 4}")],
        )

    await fill(store, **{f"p{n}": values(n) for n in range(9)})
    await fill(store, "Group", **{f"p{n}": values(n) for n in range(3)})
    expected = set(await ids(store, asked))
    found: list[tuple[str, str]] = []
    after = None
    for step in range(20):
        page = await store.search(replace(asked, after=after))
        found += [(match.resource_type, match.logical_id) for match in page.matches]
        after = page.next
        if after is None:
            break
        await fill(store, **{f"new{step}": values(step)})
        await store.commit([write(f"p{step}", 2, values(step))])
    assert len(found) == len(set(found)), "something came twice"
    assert {logical_id for _, logical_id in found} >= expected


async def test_a_page_goes_on_after_its_last_match_was_deleted(store: ResourceStore) -> None:
    await fill(store, **{f"p{n}": tokens(("s", "a")) for n in range(6)})
    asked = query(token(("s", "a")), page_count=2)
    whole = await ids(store, asked)
    first = await store.search(asked)
    await store.commit([deletion(first.matches[-1].logical_id, 2)])
    assert await ids(store, replace(asked, after=first.next)) == whole[2:]


async def test_a_position_of_something_unknown_is_refused(store: ResourceStore) -> None:
    await fill(store, a=tokens(("s", "a")))
    place = PagePosition(
        keys=(), resource_type=ResourceType("Patient"), logical_id=LogicalId("nobody")
    )
    with pytest.raises(InvalidRequest):
        await store.search(query(EVERYTHING, after=place))


async def test_a_position_of_another_search_is_refused(store: ResourceStore) -> None:
    await fill(store, a=tokens(("s", "a")))
    place = PagePosition(
        keys=("x", 1, None), resource_type=ResourceType("Patient"), logical_id=LogicalId("a")
    )
    for asked in (
        query(EVERYTHING),
        query(EVERYTHING, sort=(SortKey(parameter="d", kind="date"),)),
    ):
        with pytest.raises(InvalidRequest):
            await store.search(replace(asked, after=place))


async def test_totals_are_given_where_they_are_asked_for(store: ResourceStore) -> None:
    await fill(store, **{f"p{n}": tokens(("s", "a"), ("t", "a")) for n in range(5)})
    await store.commit([deletion("p0", 2)])
    asked = query(token((None, "a")), page_count=2)
    assert (await store.search(asked)).total is None
    assert (await store.search(replace(asked, total="accurate"))).total == 4
    assert (await store.search(replace(asked, total="estimate"))).total == 4
    counted = await store.search(replace(asked, total="accurate", page_count=0))
    assert (counted.matches, counted.next, counted.total) == ((), None, 4)


async def test_several_types_are_searched_together(store: ResourceStore) -> None:
    await fill(store, p=tokens(("s", "a")), q=tokens(("s", "b")))
    await fill(store, "Group", g=tokens(("s", "a")))
    await fill(store, "Device", d=tokens(("s", "a")))
    asked = query(token(("s", "a")), "Patient", "Group", "Never", page_count=1, total="accurate")
    assert sorted(await ids(store, asked)) == ["g", "p"]
    assert (await store.search(asked)).total == 2
    sort = (SortKey(parameter="code", kind="token"), SortKey(parameter="_id", kind="_id"))
    found = await ids(store, query(EVERYTHING, "Patient", "Group", sort=sort, page_count=1))
    assert found == ["g", "p", "q"]
    only = And(parts=(token(("s", "a")), TypeMatch(values=(ResourceType("Group"),))))
    assert await ids(store, query(only, "Patient", "Group")) == ["g"]


HOSTILE = [
    "%",
    "_",
    "'",
    '"',
    "\\",
    "$.",
    "$ne",
    "\x00",
    "' OR 1=1 --",
    "{row}",
    "?",
    "a\nb",
    "𝒳",
    "|",
    " x ",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_only_text(store: ResourceStore, text: str) -> None:
    values = IndexValues(
        tokens=[TokenValue(text, text, text)],
        strings=[StringValue(text, fold(text), text)],
        uris=[UriValue("uri", text)],
        references=[ReferenceValue("ref", "", "", text)],
        quantities=[QuantityValue("q", text, text, Decimal(1), Decimal(1))],
    )
    await fill(store, it=values, other=tokens(("s", "x")))
    one = NumberTerm("ge", Decimal(1), Decimal(1), Decimal(2))
    for node in (
        TokenMatch(parameter=text, values=(TokenTerm(text, text),)),
        TokenMatch(parameter=text, values=(TokenTerm(None, text),)),
        StringMatch(parameter=text, mode="exact", values=(text,)),
        UriMatch(parameter="uri", mode="exact", values=(text,)),
        UriMatch(parameter="uri", mode="below", values=(text,)),
        ReferenceMatch(parameter="ref", values=(ReferenceTerm("", "", text),)),
        QuantityMatch(parameter="q", values=(QuantityTerm(one, text, text),)),
        QuantityMatch(parameter="q", values=(QuantityTerm(one, None, text),)),
    ):
        assert await ids(store, query(node)) == ["it"]
        assert await ids(store, query(Not(part=node))) == ["other"]


async def test_many_alternatives_are_taken(store: ResourceStore) -> None:
    await fill(store, **{f"p{n}": tokens(("s", f"c{n}")) for n in range(5)})
    many = token(*(("s", f"c{n}") for n in range(1500)))
    assert len(await ids(store, query(many, page_count=2))) == 5
    assert await ids(store, query(Not(part=many))) == []
    listed = IdMatch(values=tuple(LogicalId(f"p{n}") for n in range(1500)))
    assert len(await ids(store, query(listed))) == 5


async def test_searches_see_one_moment_while_others_write(store: ResourceStore) -> None:
    """A page and its total are of one moment: a total of n comes with n matches."""
    done = False

    async def fill_slowly() -> None:
        nonlocal done
        for n in range(30):
            await fill(store, **{f"p{n}": tokens(("s", "a"))})
        done = True

    async def look() -> None:
        while not done:
            page = await store.search(query(token(("s", "a")), page_count=100, total="accurate"))
            assert page.total == len(page.matches)
            await asyncio.sleep(0)

    await asyncio.gather(fill_slowly(), look())


async def test_a_search_can_be_explained(store: ResourceStore) -> None:
    await fill(store, **{f"p{n}": tokens(("s", "a")) for n in range(3)})
    steps = await store.explain(query(token(("s", "a"))))
    assert steps
    assert all(step.action for step in steps)
    assert any(step.indexes for step in steps)


RECORDS = {
    "a": (["Patient/p"], [(3, 4)]),
    "b": (["Patient/p"], [(2, 3), (9, 10)]),
    "c": (["Patient/p"], []),
    "d": (["Patient/p", "Patient/q"], [(5, 6)]),
    "e": (["Patient/q"], [(7, 8)]),
    "f": (["Group/p"], [(8, 9)]),
    "g": (["Patient/p"], [(5, 6)]),
}


@pytest.mark.parametrize("parameter", ["patient", "subject"])
@pytest.mark.parametrize("page_count", [1, 2, 20])
@pytest.mark.parametrize(
    ("is_descending", "expected"),
    [
        (True, [{"b"}, {"d", "g"}, {"a"}, {"c"}]),
        (False, [{"b"}, {"a"}, {"d", "g"}, {"c"}]),
    ],
)
async def test_the_records_of_a_patient_are_walked_by_date(
    store: ResourceStore,
    parameter: str,
    page_count: int,
    is_descending: bool,
    expected: list[set[str]],
) -> None:
    """Of records of several patients, without a date and with several, in any order."""
    for name, (owners, days) in RECORDS.items():
        found = IndexValues(
            dates=[DateValue("date", *day) for day in days],
            references=links(*owners, parameter=parameter).references,
        )
        await fill(store, "Observation", **{name: found})
    term = ReferenceTerm("Patient", "p", "")
    where = ReferenceMatch(parameter=parameter, values=(term,))
    sort = (SortKey(parameter="date", kind="date", is_descending=is_descending),)
    asked = query(where, "Observation", sort=sort, page_count=page_count)
    found_ids = await ids(store, asked)
    groups, rest = [], found_ids
    for group in expected:
        groups.append(set(rest[: len(group)]))
        rest = rest[len(group) :]
    assert groups == expected
    assert rest == []
    total = await store.search(replace(asked, total="accurate", page_count=0))
    assert total.total == 5
