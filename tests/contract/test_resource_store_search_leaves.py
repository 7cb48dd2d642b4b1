"""Search: every kind of leaf with every prefix and mode.

What matches is the table in ``search/tree.py``; random trees are compared with the evaluator in
``test_resource_store_search_properties.py``.

Spec: https://hl7.org/fhir/R4/search.html
"""

from dataclasses import replace
from decimal import Decimal
from typing import get_args

import pytest

from fhir_server.search import (
    EVERYTHING,
    NOTHING,
    OPEN_HIGH,
    OPEN_LOW,
    And,
    CompositeMatch,
    CompositeValue,
    DateMatch,
    DateTerm,
    IndexValues,
    Leaf,
    Missing,
    NearMatch,
    NearTerm,
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
    StringMatch,
    StringValue,
    TokenValue,
    UriMatch,
    UriValue,
)
from fhir_server.storage import ResourceStore
from tests.support.stored import dates, fill, ids, links, query, texts, token, tokens

pytestmark = pytest.mark.anyio

PREFIXES: tuple[Prefix, ...] = get_args(Prefix)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([("s", "a")], {"one", "both"}),
        ([("s", "b")], {"both"}),
        ([("t", "a")], {"other"}),
        ([(None, "a")], {"one", "both", "other", "bare"}),
        ([("", "a")], {"bare"}),
        ([("s", None)], {"one", "both"}),
        ([("s", "A")], set()),
        ([("unknown", "a")], set()),
        ([(None, "unknown")], set()),
        ([("s", "b"), ("t", "a"), ("", "a")], {"both", "other", "bare"}),
        ([(None, None)], {"one", "both", "other", "bare", "text"}),
        ([], set()),
    ],
)
async def test_tokens(
    store: ResourceStore, terms: list[tuple[str | None, str | None]], expected: set[str]
) -> None:
    await fill(
        store,
        one=tokens(("s", "a")),
        both=tokens(("s", "a"), ("s", "b")),
        other=tokens(("t", "a")),
        bare=tokens(("", "a")),
        text=tokens(("", "")),
        none=IndexValues(),
    )
    assert set(await ids(store, query(token(*terms)))) == expected
    assert (
        set(await ids(store, query(Not(part=token(*terms)))))
        == {
            "one",
            "both",
            "other",
            "bare",
            "text",
            "none",
        }
        - expected
    )


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("prefix", ["шев"], {"taras", "small"}),
        ("prefix", ["шевченко"], {"taras", "small"}),
        ("prefix", ["тар", "лес"], {"taras", "lesya"}),
        ("prefix", [""], {"taras", "small", "lesya"}),
        ("prefix", ["евч"], set()),
        ("contains", ["евч"], {"taras", "small"}),
        ("contains", ["а"], {"taras", "lesya"}),
        ("contains", ["%"], set()),
        ("equal", ["шевченко"], {"taras", "small"}),
        ("equal", ["шевченк"], set()),
        ("suffix", ["енко"], {"taras", "small"}),
        ("suffix", ["їнка", "іїнка", "раїнка"], {"lesya"}),
        ("suffix", ["великий шевченко"], set()),
        ("suffix", ["евч"], set()),
        ("suffix", ["."], set()),
        ("suffix", [""], {"taras", "small", "lesya"}),
        ("exact", ["Шевченко"], {"taras"}),
        ("exact", ["шевченко"], {"small"}),
        ("exact", ["Шевченк"], set()),
        ("exact", ["Шевченко", "Леся"], {"taras", "lesya"}),
    ],
)
async def test_strings(
    store: ResourceStore, mode: str, values: list[str], expected: set[str]
) -> None:
    await fill(
        store,
        taras=texts("Тарас", "Шевченко"),
        small=texts("шевченко"),
        lesya=texts("Леся", "Українка"),
        none=IndexValues(),
    )
    asked = StringMatch(parameter="name", mode=mode, values=tuple(values))  # type: ignore[arg-type] # a literal of the table
    assert set(await ids(store, query(asked))) == expected
    assert set(await ids(store, query(And(parts=(asked, EVERYTHING))))) == expected


DATES = {
    "before": (0, 9),
    "touching": (0, 10),
    "into": (5, 15),
    "start": (10, 11),
    "exact": (10, 20),
    "within": (12, 18),
    "end": (19, 20),
    "out": (15, 25),
    "after": (20, 30),
    "later": (21, 30),
    "around": (5, 25),
    "open": (15, OPEN_HIGH),
    "ever": (OPEN_LOW, OPEN_HIGH),
    "until": (OPEN_LOW, 12),
}
WITHIN = {"start", "exact", "within", "end"}
HIGHER = {"out", "after", "later", "around", "open", "ever"}
LOWER = {"before", "touching", "into", "around", "ever", "until"}
DATES_FOUND: dict[Prefix, set[str]] = {
    "eq": WITHIN,
    "ne": set(DATES) - WITHIN,
    "gt": HIGHER,
    "lt": LOWER,
    "ge": HIGHER | WITHIN,
    "le": LOWER | WITHIN,
    "sa": {"after", "later"},
    "eb": {"before", "touching"},
    "ap": set(DATES) - {"before", "touching", "after", "later"},
}


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_dates(store: ResourceStore, prefix: Prefix) -> None:
    await fill(store, **{name: dates(value) for name, value in DATES.items()}, none=IndexValues())
    asked = DateMatch(parameter="date", values=(DateTerm(prefix, 10, 20),))
    assert set(await ids(store, query(asked))) == DATES_FOUND[prefix]
    paged = query(Or(parts=(asked, NOTHING)), page_count=3, total="accurate")
    assert set(await ids(store, paged)) == DATES_FOUND[prefix]
    assert (await store.search(paged)).total == len(DATES_FOUND[prefix])


async def test_each_of_two_bounds_may_be_met_by_another_date(store: ResourceStore) -> None:
    """Bounds are separate criteria: one value may satisfy the first, another one the second."""
    await fill(store, two=dates((0, 1), (90, 91)), middle=dates((50, 51)), low=dates((0, 1)))
    both = And(
        parts=(
            DateMatch(parameter="date", values=(DateTerm("ge", 40, 41),)),
            DateMatch(parameter="date", values=(DateTerm("le", 60, 61),)),
        )
    )
    assert set(await ids(store, query(both))) == {"two", "middle"}


async def test_a_resource_with_several_values_is_listed_once(store: ResourceStore) -> None:
    await fill(store, two=dates((1, 2), (3, 4), (3, 5)), one=dates((2, 3)))
    asked = query(DateMatch(parameter="date", values=(DateTerm("ge", 0, 1),)), total="accurate")
    for page_count in (1, 2, 3):
        assert sorted(await ids(store, replace(asked, page_count=page_count))) == ["one", "two"]
    assert (await store.search(asked)).total == 2


NUMBERS = {
    "low": ("99.4", "99.4"),
    "rounds": ("99.5", "99.5"),
    "exact": ("100.00", "100.00"),
    "above": ("100.4", "100.4"),
    "next": ("100.5", "100.5"),
    "high": ("101", "101"),
    "range": ("99", "101"),
    "minus": ("-100", "-100"),
    "fine": ("100.00000000000000000000000000000000001", "100.00000000000000000000000000000000001"),
}
ROUNDED = {"rounds", "exact", "above", "fine"}
NUMBERS_FOUND: dict[Prefix, set[str]] = {
    "eq": ROUNDED,
    "ne": set(NUMBERS) - ROUNDED,
    "gt": {"above", "next", "high", "range", "fine"},
    "ge": {"above", "next", "high", "range", "fine", "exact"},
    "lt": {"low", "rounds", "range", "minus"},
    "le": {"low", "rounds", "range", "minus", "exact"},
    "sa": {"above", "next", "high", "fine"},
    "eb": {"low", "rounds", "minus"},
    "ap": ROUNDED | {"range"},
}


def number(prefix: Prefix) -> NumberTerm:
    return NumberTerm(prefix, Decimal("100"), Decimal("99.5"), Decimal("100.5"))


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_numbers_are_compared_to_the_last_digit(store: ResourceStore, prefix: Prefix) -> None:
    await fill(
        store,
        **{
            name: IndexValues(numbers=[NumberValue("n", Decimal(low), Decimal(high))])
            for name, (low, high) in NUMBERS.items()
        },
    )
    asked = NumberMatch(parameter="n", values=(number(prefix),))
    assert set(await ids(store, query(asked, page_count=2))) == NUMBERS_FOUND[prefix]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("system", "code", "units"),
    [
        ("ucum", "mm", {"ucum-mm"}),
        ("ucum", None, {"ucum-mm", "ucum-kg"}),
        (None, "mm", {"ucum-mm", "-mm"}),
        ("", "mm", {"-mm"}),
        (None, None, {"ucum-mm", "-mm", "ucum-kg"}),
        ("ucum", "m", set()),
        ("x", None, set()),
    ],
)
async def test_quantities(
    store: ResourceStore, prefix: Prefix, system: str | None, code: str | None, units: set[str]
) -> None:
    units_of = {"ucum-mm": ("ucum", "mm"), "-mm": ("", "mm"), "ucum-kg": ("ucum", "kg")}
    await fill(
        store,
        **{
            f"{name}-{unit}": IndexValues(
                quantities=[QuantityValue("q", *units_of[unit], Decimal(low), Decimal(high))]
            )
            for name, (low, high) in NUMBERS.items()
            for unit in units_of
        },
    )
    asked = QuantityMatch(parameter="q", values=(QuantityTerm(number(prefix), system, code),))
    assert set(await ids(store, query(asked))) == {
        f"{name}-{unit}" for name in NUMBERS_FOUND[prefix] for unit in units
    }


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([("Patient", "1", "")], {"patient"}),
        ([("", "1", "")], {"patient", "group"}),
        ([("Patient", "2", "")], set()),
        ([("Device", "1", "")], set()),
        ([("", "", "http://a/Patient/1")], {"url"}),
        ([("", "", "http://a/Patient")], set()),
        ([("Group", "1", ""), ("", "", "http://a/Patient/1")], {"group", "url"}),
    ],
)
async def test_references(
    store: ResourceStore, terms: list[tuple[str, str, str]], expected: set[str]
) -> None:
    await fill(
        store,
        "Observation",
        patient=links("Patient/1"),
        group=links("Group/1"),
        url=IndexValues(references=[ReferenceValue("subject", "", "", "http://a/Patient/1")]),
        other=links("Patient/1", parameter="performer"),
        none=IndexValues(),
    )
    asked = ReferenceMatch(parameter="subject", values=tuple(ReferenceTerm(*t) for t in terms))
    assert set(await ids(store, query(asked, "Observation"))) == expected
    assert (
        set(await ids(store, query(Not(part=asked), "Observation")))
        == {
            "patient",
            "group",
            "url",
            "other",
            "none",
        }
        - expected
    )


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("exact", "http://a/b", {"b"}),
        ("exact", "http://a/B", set()),
        ("below", "http://a/b", {"b", "c"}),
        ("below", "http://a/b/", {"c"}),
        ("below", "http://a", {"b", "c", "bc"}),
        ("below", "urn:oid:1", {"urn"}),
        ("above", "http://a/b/c/d", {"b", "c"}),
        ("above", "http://a/bc", {"bc"}),
        ("above", "http://a", set()),
    ],
)
async def test_uris(store: ResourceStore, mode: str, value: str, expected: set[str]) -> None:
    uris = {"b": "http://a/b", "c": "http://a/b/c", "bc": "http://a/bc", "urn": "urn:oid:1"}
    await fill(
        store, "ValueSet", **{n: IndexValues(uris=[UriValue("url", u)]) for n, u in uris.items()}
    )
    asked = UriMatch(parameter="url", mode=mode, values=(value,))  # type: ignore[arg-type] # a literal of the table
    assert set(await ids(store, query(asked, "ValueSet"))) == expected


async def test_positions_are_near_along_the_great_circle(store: ResourceStore) -> None:
    places = {
        "kyiv": ("50.4501", "30.5234"),
        "lviv": ("49.8397", "24.0297"),
        "fiji": ("-17", "179.9"),
        "pole": ("89.99", "0"),
    }
    await fill(
        store,
        "Location",
        **{
            name: IndexValues(positions=[PositionValue("near", Decimal(a), Decimal(b))])
            for name, (a, b) in places.items()
        },
    )

    async def near(latitude: float, longitude: float, distance_m: float) -> set[str]:
        asked = NearMatch(parameter="near", values=(NearTerm(latitude, longitude, distance_m),))
        return set(await ids(store, query(asked, "Location")))

    assert await near(50.45, 30.52, 1_000) == {"kyiv"}
    assert await near(50.45, 30.52, 469_000) == {"kyiv", "lviv"}
    assert await near(50.45, 30.52, 460_000) == {"kyiv"}
    assert await near(-17, -179.9, 30_000) == {"fiji"}
    assert await near(89.99, 180, 3_000) == {"pole"}


async def test_a_composite_is_met_within_one_group(store: ResourceStore) -> None:
    def pressures(*groups: tuple[str, str]) -> IndexValues:
        return IndexValues(
            composites=[
                CompositeValue(
                    "component",
                    (
                        TokenValue("component$0", "loinc", code),
                        QuantityValue("component$1", "ucum", "mm", Decimal(value), Decimal(value)),
                    ),
                )
                for code, value in groups
            ]
        )

    def asked(code: str, over: int) -> tuple[Leaf, ...]:
        term = NumberTerm("gt", Decimal(over), Decimal(over), Decimal(over))
        return (
            token(("loinc", code), parameter="component$0"),
            QuantityMatch(parameter="component$1", values=(QuantityTerm(term, "ucum", "mm"),)),
        )

    await fill(
        store,
        normal=pressures(("systolic", "120"), ("diastolic", "80")),
        crossed=pressures(("systolic", "80"), ("diastolic", "120")),
        none=IndexValues(),
    )
    high = CompositeMatch(parameter="component", values=(asked("systolic", 100),))
    assert await ids(store, query(high)) == ["normal"]
    assert set(await ids(store, query(Not(part=high)))) == {"crossed", "none"}
    either = replace(high, values=(asked("systolic", 100), asked("diastolic", 100)))
    assert set(await ids(store, query(either))) == {"normal", "crossed"}
    missing = Missing(parameter="component", is_missing=True)
    assert await ids(store, query(missing)) == ["none"]


async def test_missing_looks_at_every_kind_of_value(store: ResourceStore) -> None:
    values = {
        "token": tokens(("s", "a"), parameter="p"),
        "string": IndexValues(strings=[StringValue("p", "a", "A")]),
        "date": dates((1, 2), parameter="p"),
        "number": IndexValues(numbers=[NumberValue("p", Decimal(1), Decimal(1))]),
        "quantity": IndexValues(quantities=[QuantityValue("p", "s", "c", Decimal(1), Decimal(1))]),
        "reference": links("Patient/1", parameter="p"),
        "url": IndexValues(references=[ReferenceValue("p", "", "", "#")]),
        "uri": IndexValues(uris=[UriValue("p", "urn:x")]),
        "position": IndexValues(positions=[PositionValue("p", Decimal(1), Decimal(1))]),
    }
    await fill(store, **values, other=tokens(("s", "a"), parameter="q"), none=IndexValues())
    there = query(Missing(parameter="p", is_missing=False))
    assert set(await ids(store, there)) == set(values)
    absent = query(Missing(parameter="p", is_missing=True))
    assert set(await ids(store, absent)) == {"other", "none"}
    never = query(Missing(parameter="never", is_missing=True))
    assert len(await ids(store, never)) == len(values) + 2
