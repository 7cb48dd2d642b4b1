"""The ``_filter`` parameter: a small language of tests, ``and``, ``or`` and ``not``.

Spec: https://hl7.org/fhir/R4/search_filter.html
"""

from fhir_server.search.filter.comparison import (
    EQUAL,
    OVERLAPS,
    SUFFIX,
    comparison,
    operators,
    opposite,
    plain_value,
)
from fhir_server.search.filter.parser import (
    NAME,
    Both,
    Either,
    Filter,
    Negation,
    Test,
    parse_filter,
)

__all__ = [
    "EQUAL",
    "NAME",
    "OVERLAPS",
    "SUFFIX",
    "Both",
    "Either",
    "Filter",
    "Negation",
    "Test",
    "comparison",
    "operators",
    "opposite",
    "parse_filter",
    "plain_value",
]
