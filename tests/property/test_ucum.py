"""Laws of units and quantities; https://ucum.org/ucum and http://hl7.org/fhirpath/N1/#quantity"""

from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from fhir_server.fhirpath import ucum
from fhir_server.fhirpath.quantity import Quantity, add, compare, divide, multiply

MASSES = ["kg", "g", "mg", "ug", "t", "[lb_av]", "[oz_av]"]
LENGTHS = ["m", "cm", "mm", "[in_i]", "[ft_i]", "km"]
TIMES = ["s", "min", "h", "d", "wk", "ms"]
ATOMS = st.sampled_from(
    [*MASSES, *LENGTHS, *TIMES, "mmol", "L", "dL", "mm[Hg]", "kPa", "10*", "%", "J"]
)
EXPONENTS = st.sampled_from(["", "2", "-1", "3"])
ANNOTATIONS = st.sampled_from(["", "", "{total}"])
VALUES = st.decimals(-10_000, 10_000, places=3, allow_nan=False)


@st.composite
def terms(draw: st.DrawFn, depth: int = 1) -> str:
    """Codes of UCUM's grammar: products, quotients, exponents, annotations, brackets."""
    parts = [draw(component(depth)) for _ in range(draw(st.integers(1, 3)))]
    text = parts[0]
    for part in parts[1:]:
        text += draw(st.sampled_from("./")) + part
    return text


def component(depth: int) -> st.SearchStrategy[str]:
    simple = st.builds("{}{}{}".format, ATOMS, EXPONENTS, ANNOTATIONS)
    return simple if depth == 0 else st.one_of(simple, terms(depth - 1).map("({})".format))


def like(unit: str) -> st.SearchStrategy[str]:
    return st.sampled_from(next(group for group in (MASSES, LENGTHS, TIMES) if unit in group))


@given(terms())
def test_every_code_of_the_grammar_is_read(code: str) -> None:
    assert ucum.unit(code) is not None


@given(terms(), terms())
def test_products_commute_and_a_quotient_by_itself_is_one(left: str, right: str) -> None:
    assert ucum.unit(f"({left}).({right})") == ucum.unit(f"({right}).({left})")
    assert ucum.unit(f"({left})/({left})") == ucum.ONE


@given(terms(), VALUES)
def test_base_units_convert_back_exactly(code: str, value: Decimal) -> None:
    base = ucum.unit(code)
    assert base is not None
    there = ucum.convert(value, code, base.code)
    assert there is not None
    back = ucum.convert(there, base.code, code)
    assert back is not None
    assert abs(back - value) <= abs(value) * Decimal("1e-20")


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Quantity, Quantity]:
    one = draw(st.sampled_from([*MASSES, *LENGTHS, *TIMES]))
    other = draw(like(one))
    return Quantity(draw(VALUES), one), Quantity(draw(VALUES), other)


@given(pairs())
def test_addition_commutes_and_subtraction_undoes_it(pair: tuple[Quantity, Quantity]) -> None:
    one, other = pair
    total, turned = add(one, other), add(other, one)
    assert total is not None
    assert turned is not None
    assert _near(total, turned)
    rest = add(total, other, -1)
    assert rest is not None
    assert _near(rest, one)


@given(pairs())
def test_the_order_of_two_quantities_turns_around(pair: tuple[Quantity, Quantity]) -> None:
    one, other = pair
    first, second = compare(one, other), compare(other, one)
    assert first is not None
    assert second is not None
    assert first == -second


@given(pairs())
def test_multiplication_commutes_and_division_undoes_it(pair: tuple[Quantity, Quantity]) -> None:
    one, other = pair
    assert _near(multiply(one, other), multiply(other, one))
    assume(other.value != 0)
    quotient = divide(multiply(one, other), other)
    assert quotient is not None
    assert _near(quotient, one)


@given(VALUES)
def test_temperatures_convert_there_and_back(value: Decimal) -> None:
    fahrenheit = ucum.convert(value, "Cel", "[degF]")
    assert fahrenheit is not None
    back = ucum.convert(fahrenheit, "[degF]", "Cel")
    assert back is not None
    assert abs(back - value) <= Decimal("1e-20")


def _near(one: Quantity, other: Quantity) -> bool:
    """Quotients have an end in decimals only sometimes."""
    converted = ucum.convert(other.value, other.unit, one.unit)
    assert converted is not None
    return abs(converted - one.value) <= max(Decimal(1), abs(one.value)) * Decimal("1e-15")
