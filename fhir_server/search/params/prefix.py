"""Comparison prefixes: the two letters before a date, number or quantity.

Spec: https://hl7.org/fhir/R4/search.html#prefix
"""

from typing import cast, get_args

from fhir_server.search.tree import Prefix

_PREFIXES = frozenset(get_args(Prefix))
_LENGTH = 2


def split_prefix(value: str) -> tuple[Prefix, str]:
    """Return the prefix (``eq`` where there is none) and the rest."""
    prefix = value[:_LENGTH]
    if prefix in _PREFIXES:
        return cast(Prefix, prefix), value[_LENGTH:]
    return "eq", value
