"""Every search for a single parameter is answered from an index, whatever the kind and prefix."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import get_args

import pytest

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import (
    EVERYTHING,
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
    NumberMatch,
    NumberTerm,
    NumberValue,
    PositionValue,
    Prefix,
    QuantityMatch,
    QuantityTerm,
    QuantityValue,
    ReferenceMatch,
    ReferenceTerm,
    ReferenceValue,
    SortKey,
    StringMatch,
    StringValue,
    TokenMatch,
    TokenTerm,
    TokenValue,
    UriMatch,
    UriValue,
)
from fhir_server.storage import ResourceStore
from fhir_server.storage.sqlite import open_sqlite
from tests.support.plans import whole_tables
from tests.support.stored import fill, query

PREFIXES = get_args(Prefix)
VALUES = IndexValues(
    tokens=[TokenValue("t", "s", "a"), TokenValue("t", "z", "b")],
    strings=[StringValue("n", "a", "A")],
    dates=[DateValue("d", 10, 20)],
    numbers=[NumberValue("x", Decimal(1), Decimal(1)), NumberValue("x", Decimal(1), Decimal(9))],
    quantities=[QuantityValue("q", "s", "mm", Decimal(1), Decimal(1))],
    references=[ReferenceValue("r", "Patient", "1", "")],
    uris=[UriValue("u", "http://a/b")],
    positions=[PositionValue("p", Decimal(1), Decimal(1))],
    composites=[
        CompositeValue("c", (TokenValue("c$0", "s", "a"), DateValue("c$1", 10, 20))),
    ],
)


def number(prefix: Prefix) -> NumberTerm:
    return NumberTerm(prefix, Decimal(5), Decimal(4), Decimal(6))


def nodes() -> Iterator[tuple[str, Node]]:
    for system, code in (("s", "a"), (None, "a"), ("s", None), (None, None)):
        yield f"token {system}|{code}", TokenMatch(parameter="t", values=(TokenTerm(system, code),))
    yield "tokens", TokenMatch(parameter="t", values=(TokenTerm("s", "a"), TokenTerm("z", "b")))
    for mode in ("prefix", "contains", "exact"):
        yield f"string {mode}", StringMatch(parameter="n", mode=mode, values=("a",))
    for prefix in PREFIXES:
        yield f"date {prefix}", DateMatch(parameter="d", values=(DateTerm(prefix, 10, 20),))
        yield f"number {prefix}", NumberMatch(parameter="x", values=(number(prefix),))
        term = QuantityTerm(number(prefix), "s", "mm")
        yield f"quantity {prefix}", QuantityMatch(parameter="q", values=(term,))
    yield "reference", ReferenceMatch(parameter="r", values=(ReferenceTerm("Patient", "1", ""),))
    yield "reference, any", ReferenceMatch(parameter="r", values=(ReferenceTerm("", "1", ""),))
    for mode in ("exact", "below", "above"):
        yield f"uri {mode}", UriMatch(parameter="u", mode=mode, values=("http://a/b",))  # type: ignore[arg-type] # the literals
    yield "near", NearMatch(parameter="p", values=(NearTerm(1.0, 1.0, 10.0),))
    parts = (
        TokenMatch(parameter="c$0", values=(TokenTerm("s", "a"),)),
        DateMatch(parameter="c$1", values=(DateTerm("eq", 10, 20),)),
    )
    yield "composite", CompositeMatch(parameter="c", values=(parts,))
    yield "missing", Missing(parameter="t", is_missing=True)
    yield "not missing", Missing(parameter="t", is_missing=False)
    yield "id", IdMatch(values=(LogicalId("1"),))
    where = TokenMatch(parameter="t", values=(TokenTerm("s", "a"),))
    patient = ResourceType("Patient")
    yield "chain", Chain(parameter="r", target_type=patient, where=where)
    yield "has", Has(source_type=patient, parameter="r", where=where)
    yield "everything", EVERYTHING


NODES = dict(nodes())


@pytest.fixture(scope="module")
def store() -> Iterator[tuple[asyncio.Runner, ResourceStore]]:
    with asyncio.Runner() as runner:
        opened = runner.run(open_sqlite(":memory:"))
        runner.run(fill(opened, **{str(n): VALUES for n in range(3)}))
        yield runner, opened
        runner.run(opened.close())


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("sort", ["", "t", "n", "d", "x", "q", "r", "u"])
def test_no_table_is_read_from_end_to_end(
    name: str, sort: str, store: tuple[asyncio.Runner, ResourceStore]
) -> None:
    kinds = {"t": "token", "n": "string", "d": "date", "x": "number", "q": "quantity",
             "r": "reference", "u": "uri"}  # fmt: skip
    keys = (SortKey(parameter=sort, kind=kinds[sort]),) if sort else ()  # type: ignore[arg-type] # the literals
    runner, opened = store
    steps = runner.run(opened.explain(query(NODES[name], sort=keys)))
    assert steps
    assert whole_tables(steps) == []


def test_a_single_token_date_string_or_reference_is_not_even_sorted(
    store: tuple[asyncio.Runner, ResourceStore],
) -> None:
    """The index is in the order of the page: a page costs its length, not the number of matches."""
    runner, opened = store
    for name in ("token s|a", "string prefix", "reference", "everything",
                 *(f"date {prefix}" for prefix in PREFIXES)):  # fmt: skip
        steps = runner.run(opened.explain(query(NODES[name])))
        assert not [step.action for step in steps if "TEMP B-TREE" in step.action], name
