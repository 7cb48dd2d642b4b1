"""Random index values and leaves of the search tree, of vocabularies so tiny that they meet."""

from decimal import Decimal
from typing import Any, get_args

from hypothesis import strategies as st

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import (
    OPEN_HIGH,
    OPEN_LOW,
    CompositeMatch,
    CompositeValue,
    DateMatch,
    DateTerm,
    DateValue,
    IdMatch,
    IndexValues,
    Missing,
    NearMatch,
    NearTerm,
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
