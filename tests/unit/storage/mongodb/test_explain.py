"""Every kind of search uses an index and reads no more than a bounded multiple of its answer.

Spec: https://hl7.org/fhir/R4/search.html; layout: docs/mongodb.md
"""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import (
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
    NearMatch,
    NearTerm,
    Node,
    Not,
    NumberMatch,
    NumberTerm,
    NumberValue,
    Or,
    PositionValue,
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
)
from fhir_server.storage import ExplainedStep
from fhir_server.storage.mongodb import MongoStore
from tests.support.mongo_store import empty_store
from tests.support.stored import fill, query, token

OBSERVATIONS, PATIENTS = 4_000, 400
DAY = 86_400_000_000
PAGE = 20
FIXED = 1_100
"""A driver is chosen by counting up to 1,001 entries, whatever is found."""
MULTIPLE = 6


def observation(n: int) -> IndexValues:
    day = n % 1_000 * DAY
    value = Decimal(n % 500)
    code = TokenValue("code", "loinc", f"c{n % 10}")
    quantity = QuantityValue("value-quantity", "ucum", "mm[Hg]", value, value)
    return IndexValues(
        tokens=[code, TokenValue("status", "s", "final"), TokenValue("identifier", "id", f"{n}")],
        strings=[StringValue("text", f"t{n % 100:03d} слово", f"T{n % 100:03d} слово")],
        dates=[DateValue("date", day, day + (DAY if n % 3 else 20 * DAY))],
        numbers=[NumberValue("score", value, value)],
        quantities=[quantity],
        references=[
            ReferenceValue("subject", "Patient", f"p{n % PATIENTS}", ""),
            ReferenceValue("patient", "Patient", f"p{n % PATIENTS}", ""),
        ],
        uris=[UriValue("url", f"http://a/{n % 40}/{n}")],
        positions=[PositionValue("near", value / 10, Decimal(30))],
        composites=[
            CompositeValue(
                "code-value",
                (code._replace(parameter="code-value$0"),
                 quantity._replace(parameter="code-value$1")),
            )
        ],
    )  # fmt: skip


def patient(n: int) -> IndexValues:
    return IndexValues(
        tokens=[
            TokenValue("gender", "g", "male" if n % 2 else "female"),
            TokenValue("identifier", "id", f"{n}"),
        ],
        strings=[StringValue("family", f"f{n % 40:02d}", f"F{n % 40:02d}")],
        dates=[DateValue("birthdate", n * DAY, n * DAY + DAY)],
    )


@pytest.fixture(scope="module")
def filled(mongodb_url: str) -> Iterator[tuple[asyncio.Runner, MongoStore]]:
    with asyncio.Runner() as runner:
        store = runner.run(empty_store(mongodb_url))
        for start in range(0, OBSERVATIONS, 1_000):
            values = {f"o{n}": observation(n) for n in range(start, start + 1_000)}
            runner.run(fill(store, "Observation", **values))
        runner.run(fill(store, **{f"p{n}": patient(n) for n in range(PATIENTS)}))
        yield runner, store
        runner.run(store.close())


def steps(
    filled: tuple[asyncio.Runner, MongoStore], asked: SearchQuery
) -> tuple[ExplainedStep, ...]:
    runner, store = filled
    return runner.run(store.explain(asked))


def date(*terms: tuple[str, int, int]) -> DateMatch:
    days = tuple(DateTerm(prefix, low * DAY, high * DAY) for prefix, low, high in terms)  # type: ignore[arg-type] # a prefix
    return DateMatch(parameter="date", values=days)


def number(prefix: str, value: int) -> NumberTerm:
    exact = Decimal(value)
    return NumberTerm(prefix, exact, exact, exact + Decimal("0.5"))  # type: ignore[arg-type] # a prefix


def value(prefix: str, at: int) -> QuantityMatch:
    term = QuantityTerm(number(prefix, at), "ucum", "mm[Hg]")
    return QuantityMatch(parameter="value-quantity", values=(term,))


def subject(logical_id: str) -> ReferenceMatch:
    term = ReferenceTerm("Patient", logical_id, "")
    return ReferenceMatch(parameter="subject", values=(term,))


CODE = token(("loinc", "c1"))
STATUS = token(("s", "final"), parameter="status")
RARE = token(("id", "77"), parameter="identifier")
IN_PAIR = TokenMatch(parameter="code-value$0", values=(TokenTerm("loinc", "c3"),))
KINDS: dict[str, Node] = {
    "everything": And(parts=()),
    "token": CODE,
    "token without system": token((None, "c1")),
    "token of a system": token(("loinc", None)),
    "tokens, alternatives": token(("loinc", "c1"), ("loinc", "c2"), (None, "c3")),
    "two broad tokens": And(parts=(CODE, STATUS)),
    "two tokens, one rare": And(parts=(STATUS, RARE)),
    "identifier": RARE,
    "string, prefix": StringMatch(parameter="text", mode="prefix", values=("t01",)),
    "string, exact": StringMatch(parameter="text", mode="exact", values=("T011 слово",)),
    "string, contains": StringMatch(parameter="text", mode="contains", values=("17 сло",)),
    "date, day": date(("eq", 500, 501)),
    "date, from": date(("ge", 100, 101)),
    "date, until": date(("lt", 900, 901)),
    "date, interval": And(parts=(date(("ge", 200, 201)), date(("lt", 230, 231)))),
    "date, approximate": date(("ap", 300, 310)),
    "date after all": date(("gt", 2_000, 2_001)),
    "number": NumberMatch(parameter="score", values=(number("eq", 70),)),
    "number, greater": NumberMatch(parameter="score", values=(number("gt", 490),)),
    "quantity": value("eq", 70),
    "quantity, greater": value("gt", 495),
    "quantity, less": value("lt", 3),
    "quantity without unit": QuantityMatch(
        parameter="value-quantity", values=(QuantityTerm(number("eq", 70), None, None),)
    ),
    "reference": subject("p7"),
    "reference of any type": ReferenceMatch(
        parameter="subject", values=(ReferenceTerm("", "p7", ""),)
    ),
    "reference and code": And(parts=(subject("p7"), CODE)),
    "uri": UriMatch(parameter="url", mode="exact", values=("http://a/7/7",)),
    "uri, below": UriMatch(parameter="url", mode="below", values=("http://a/7",)),
    "uri, above": UriMatch(parameter="url", mode="above", values=("http://a/7/7/x",)),
    "id": IdMatch(values=(LogicalId("o1"), LogicalId("o2"))),
    "near": NearMatch(parameter="near", values=(NearTerm(7.0, 30.0, 6_000.0),)),
    "composite": CompositeMatch(parameter="code-value", values=((IN_PAIR, value("gt", 480)),)),
    "not, dense": Not(part=CODE),
    "or over two indexes": Or(parts=(RARE, date(("eq", 500, 501)))),
    "chain": Chain(
        parameter="subject",
        target_type="Patient",  # type: ignore[arg-type] # a type name
        where=StringMatch(parameter="family", mode="exact", values=("F07",)),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_reads_an_index_and_little_more_than_it_returns(
    kind: str, filled: tuple[asyncio.Runner, MongoStore]
) -> None:
    found = steps(filled, query(KINDS[kind], "Observation", page_count=PAGE))
    assert found
    for step in found:
        assert step.indexes, step
        assert step.keys_examined is not None
        assert step.documents_examined is not None
        most = FIXED + MULTIPLE * (step.returned or 0)
        assert step.keys_examined <= most, step
        assert step.documents_examined <= most, step


SORTED = {
    "date": SortKey(parameter="date", kind="date"),
    "-date": SortKey(parameter="date", kind="date", is_descending=True),
    "text": SortKey(parameter="text", kind="string"),
    "-_lastUpdated": SortKey(parameter="_lastUpdated", kind="date", is_descending=True),
}


@pytest.mark.parametrize("order", SORTED)
@pytest.mark.parametrize("kind", ["everything", "token", "identifier", "date, interval"])
def test_an_order_by_a_date_or_text_is_read_off_an_index(
    kind: str, order: str, filled: tuple[asyncio.Runner, MongoStore]
) -> None:
    asked = query(KINDS[kind], "Observation", page_count=PAGE, sort=(SORTED[order],))
    for step in steps(filled, asked):
        assert step.indexes, step
        assert (step.documents_examined or 0) <= FIXED + MULTIPLE * (step.returned or 0), step


def test_a_has_reads_what_refers_and_then_the_ids(
    filled: tuple[asyncio.Runner, MongoStore],
) -> None:
    node = Has(source_type="Observation", parameter="subject", where=RARE)  # type: ignore[arg-type] # a type name
    found = steps(filled, query(node, "Patient", page_count=PAGE))
    assert sum(step.documents_examined or 0 for step in found) <= 10
    assert all(step.indexes for step in found)


def test_the_records_of_a_patient_by_date_are_one_walk(
    filled: tuple[asyncio.Runner, MongoStore],
) -> None:
    sort = (SORTED["-date"],)
    for where in (subject("p7"), And(parts=(subject("p7"), STATUS))):
        (step,) = steps(filled, query(where, "Observation", page_count=5, sort=sort))
        assert step.indexes == ("patient",)
        assert (step.documents_examined or 0) <= 6


def test_what_is_rarer_than_a_patient_drives_an_order_by_date(
    filled: tuple[asyncio.Runner, MongoStore],
) -> None:
    asked = query(
        And(parts=(subject("p77"), RARE)), "Observation", page_count=5, sort=(SORTED["-date"],)
    )
    (step,) = steps(filled, asked)
    assert step.indexes == ("tokens",)
    assert (step.returned, step.documents_examined) == (1, 1)


def test_a_day_is_one_scan_of_the_dates(filled: tuple[asyncio.Runner, MongoStore]) -> None:
    (step,) = steps(filled, query(KINDS["date, day"], "Observation", page_count=PAGE))
    assert step.indexes == ("dates",)
    assert (step.keys_examined or 0) <= 3 * (step.returned or 0) + 10


def test_a_link_of_few_candidates_is_looked_at_from_them(
    filled: tuple[asyncio.Runner, MongoStore],
) -> None:
    """All observations have the status; those of one patient are ten."""
    has = Has(source_type="Observation", parameter="subject", where=STATUS)  # type: ignore[arg-type] # a type name
    one = IdMatch(values=(LogicalId("p7"),))
    rare = token(("id", "7"), parameter="identifier")
    male = token(("g", "male"), parameter="gender")
    chain = Chain(parameter="subject", target_type=ResourceType("Patient"), where=male)
    for asked in (
        query(And(parts=(one, has)), "Patient", page_count=PAGE),
        query(And(parts=(rare, has)), "Patient", page_count=PAGE),
        query(And(parts=(subject("p7"), chain)), "Observation", page_count=PAGE),
    ):
        found = steps(filled, asked)
        assert all(step.indexes for step in found), found
        assert sum(step.documents_examined or 0 for step in found) <= 50, found


def test_a_compartment_over_types_reads_what_is_in_it(
    filled: tuple[asyncio.Runner, MongoStore],
) -> None:
    """Types of which nothing is stored cost nothing, the others are read off the tokens."""
    of_types = Or(
        parts=(
            And(parts=(TypeMatch(values=("Patient",)), IdMatch(values=(LogicalId("p7"),)))),  # type: ignore[arg-type] # a type name
            And(parts=(TypeMatch(values=("Observation",)), subject("p7"))),  # type: ignore[arg-type] # a type name
            And(parts=(TypeMatch(values=("Condition",)), subject("p7"))),  # type: ignore[arg-type] # a type name
        )
    )
    asked = query(of_types, "Condition", "Observation", "Patient", page_count=PAGE)
    (step,) = steps(filled, asked)
    assert step.indexes
    assert step.returned == 11
    assert (step.documents_examined or 0) <= 15
