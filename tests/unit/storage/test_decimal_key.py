"""Keys of decimals compare as the decimals do, digit by digit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search.values import LEAST, MOST
from fhir_server.storage.decimal_key import decimal_key

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=LEAST, max_value=MOST)


@given(one=DECIMALS, other=DECIMALS)
def test_keys_are_in_the_order_of_the_decimals(one: Decimal, other: Decimal) -> None:
    assert (decimal_key(one) < decimal_key(other)) == (one < other)
    assert (decimal_key(one) == decimal_key(other)) == (one == other)


@given(one=DECIMALS, digits=st.integers(min_value=1, max_value=40))
def test_a_digit_more_makes_a_greater_key(one: Decimal, digits: int) -> None:
    more = one + Decimal((0, (1,), one.adjusted() - digits)) if one else Decimal("1E-40")
    assert (decimal_key(more) > decimal_key(one)) == (more > one)


@pytest.mark.parametrize(
    ("one", "same"), [("1", "1.00"), ("0", "-0.0"), ("100", "1E2"), ("-0.5", "-5E-1")]
)
def test_the_same_number_has_the_same_key(one: str, same: str) -> None:
    assert decimal_key(Decimal(one)) == decimal_key(Decimal(same))


def test_the_ends_of_open_ranges_are_beyond_everything() -> None:
    keys = [decimal_key(Decimal(n)) for n in (LEAST, "-1E30", "-1", "0", "1", "1E30", MOST)]
    assert keys == sorted(keys)
