"""Units. Factors are those of the UCUM tables (https://ucum.org/ucum)."""

from decimal import Decimal

import pytest

from fhir_server.fhirpath import ucum


@pytest.mark.parametrize(
    ("value", "code", "target", "expected"),
    [
        ("1", "kg", "g", "1000"),
        ("185", "[lb_av]", "kg", "83.91458845"),
        ("37", "Cel", "[degF]", "98.6"),
        ("98.6", "[degF]", "Cel", "37"),
        ("1", "mCel", "K", "273.151"),
        ("10", "Cel/s", "K/s", "10"),
        ("120", "mm[Hg]", "kPa", "15.99864"),
        ("1", "wk", "d", "7"),
        ("1", "a", "d", "365.25"),
        ("5", "mmol/L", "mol/m3", "5"),
        ("1", "10*9/L", "/uL", "1000"),
        ("1", "10^3/uL", "10*9/L", "1"),
        ("1", "{beats}/min", "/min", "1"),
        ("1", "mg{total}/dL", "g/L", "0.01"),
        ("1", "m/s2", "cm.s-2", "100"),
        ("1", "L/(min.m2)", "mL/min/m2", "1000"),
        ("1", "k[IU]/L", "[iU]/mL", "1"),
        ("1", "[in_i]", "cm", "2.54"),
        ("1", "%", "1", "0.01"),
        ("1.50", "mg", "mg", "1.50"),
        ("1", "KiBy", "By", "1024"),
        ("2", "[MET]", "mL/(kg.min)", "7"),
        ("1", "[pca_pr]", "[pnt_pr]", "12"),
        ("1", "[S]", "fs", "100"),
        ("24", "g/(24.h)", "g/h", "1"),
        ("-40", "Cel", "[degF]", "-40"),
        ("1", "kg.m/(s2.m2)", "Pa", "1"),
        ("5", "meq/L", "mmol/L", "5"),
    ],
)
def test_values_convert_exactly(value: str, code: str, target: str, expected: str) -> None:
    assert str(ucum.convert(Decimal(value), code, target)) == expected


def test_what_is_not_exact_is_rounded_to_28_digits() -> None:
    assert str(ucum.convert(Decimal(1), "d", "wk")) == "0.1428571428571428571428571429"


@pytest.mark.parametrize(
    ("left", "right"), [("kg", "m"), ("[iU]", "g"), ("[iU]", "[arb'U]"), ("kg", "foo"), ("x", "g")]
)
def test_different_dimensions_do_not_convert(left: str, right: str) -> None:
    assert ucum.convert(Decimal(1), left, right) is None
    assert not ucum.are_comparable(left, right)


@pytest.mark.parametrize(
    "code",
    ["", "foo", "m/", "(m", "m)", "1.", "kg m", "{x", "mmin", "/", "m{a}2", "мг", "m100", "()",
     "m" * 300, "(" * 40 + "m" + ")" * 40, "KG"],
)  # fmt: skip
def test_what_is_no_code_is_told_apart(code: str) -> None:
    assert ucum.unit(code) is None


def test_every_unit_of_the_table_can_be_read() -> None:
    table = ucum._table()
    for code in (*table.definitions, *table.dimensions):
        assert ucum.unit(code) is not None, code
    for code in table.metric:
        assert ucum.unit(f"m{code}") is not None, code


def test_search_gets_one_form_of_equal_quantities() -> None:
    assert ucum.canonical(Decimal("0.12"), "km") == ucum.canonical(Decimal(120), "m")
    assert ucum.canonical(Decimal("6.3"), "g/dL") == (Decimal(63000), "g.m-3")
    assert ucum.canonical(Decimal(1), "foo") is None
