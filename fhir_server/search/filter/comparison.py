"""What the operators of ``_filter`` mean for each parameter type.

Spec: https://hl7.org/fhir/R4/search_filter.html#ops
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

_SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "loinc": "http://loinc.org",
        "snomed": "http://snomed.info/sct",
        "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
        "ucum": "http://unitsofmeasure.org",
    }
)
"""Short names that may stand for a system in a token."""


class Comparison(NamedTuple):
    """An operator in the terms of plain search parameters.

    Attributes:
        modifier: The modifier, also one that only filters have (`EQUAL`, `SUFFIX`, `OVERLAPS`).
        prefix: Written before the value: numbers, dates and quantities.
    """

    modifier: str | None = None
    prefix: str = ""


EQUAL = "equal"
"""Strings: the whole text is the same but for case and accents."""
SUFFIX = "suffix"
"""Strings: how they end."""
OVERLAPS = "overlaps"
"""Dates: the periods have a moment in common."""

_PREFIXED = {
    prefix: Comparison(prefix=prefix)
    for prefix in ("eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb")
}
_OPERATORS: Mapping[str, Mapping[str, Comparison]] = MappingProxyType(
    {
        "string": {
            "eq": Comparison(EQUAL),
            "co": Comparison("contains"),
            "sw": Comparison(),
            "ew": Comparison(SUFFIX),
        },
        "token": {
            "eq": Comparison(),
            "ss": Comparison("below"),
            "sb": Comparison("above"),
            "in": Comparison("in"),
        },
        "date": {**_PREFIXED, "po": Comparison(OVERLAPS)},
        "number": {**_PREFIXED, "co": Comparison(prefix="eq")},
        "quantity": dict(_PREFIXED),
        "reference": {"eq": Comparison(), "re": Comparison()},
        "uri": {"eq": Comparison(), "ss": Comparison("below"), "sb": Comparison("above")},
        "composite": {"eq": Comparison()},
    }
)
_OPPOSITES = {"ne": "eq", "ni": "in"}


def comparison(kind: str, operator: str) -> Comparison | None:
    """Return what an operator means for a parameter type; None: nothing.

    ``ne`` and ``ni`` of types without prefixes are the opposites of ``eq`` and ``in``:
    see `opposite`.
    """
    return _OPERATORS.get(kind, {}).get(operator)


def opposite(kind: str, operator: str) -> str | None:
    """Return the operator that ``operator`` denies for a parameter type; None: it denies none."""
    denied = _OPPOSITES.get(operator)
    return denied if denied in _OPERATORS.get(kind, {}) else None


def operators(kind: str) -> tuple[str, ...]:
    """Return the operators of a parameter type, for messages."""
    own = _OPERATORS.get(kind, {})
    denials = (name for name, denied in _OPPOSITES.items() if denied in own and name not in own)
    return (*own, *denials, "pr")


def plain_value(kind: str, value: str) -> str:
    """Write a value of a filter as the value of a plain parameter: one, with its escapes."""
    if kind == "token":
        system, bar, code = value.partition("|")
        value = f"{_SYSTEMS.get(system, system)}{bar}{code}"
    escaped = value.replace("\\", "\\\\").replace(",", "\\,")
    return escaped if kind == "composite" else escaped.replace("$", "\\$")
