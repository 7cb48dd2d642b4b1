"""Decimals as text that sorts like the numbers, digit by digit: no rounding at any precision.

REAL would lose digits beyond the fifteenth and make ``0.1`` a range; the text costs about four
bytes more a value. Values equal as numbers have the same text (``1.0`` and ``1.00``).
"""

from decimal import Decimal

_BIAS = 50_000
_COMPLEMENT = str.maketrans("0123456789", "9876543210")


def decimal_key(value: Decimal) -> str:
    """Return the text of a finite decimal; texts compare (by code points) as the numbers do."""
    significant = str(value).partition("E")[0].lstrip("-").replace(".", "").strip("0")
    if not significant:
        return "5"
    exponent = value.adjusted()
    if not value.is_signed():
        return f"6{_BIAS + exponent:05d}{significant}"
    return f"4{_BIAS - exponent:05d}{significant.translate(_COMPLEMENT)}~"
