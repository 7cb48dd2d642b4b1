"""Uris, compared to the letter or by whole path segments.

Spec: https://hl7.org/fhir/R4/search.html#uri
"""

from typing import Any

from fhir_server.search.clause import Question, unescape
from fhir_server.search.gathered import Gathered, IndexOptions, Writer
from fhir_server.search.tree import Node, UriMatch
from fhir_server.search.values import UriValue

MODIFIERS = ("above", "below")
_TYPES = frozenset({"uri", "url", "oid", "uuid", "string"})


def writer(parameter: str, fhir_type: str, _: IndexOptions) -> Writer | None:
    """Return what indexes values of ``fhir_type``; None: the type is no uri."""
    if fhir_type == "canonical":
        return _canonical_writer(parameter)
    if fhir_type not in _TYPES:
        return None

    def write(value: Any, into: Gathered) -> None:
        if value.__class__ is str:
            into.found.append(UriValue(parameter, value))

    return write


def _canonical_writer(parameter: str) -> Writer:
    """``url|version`` is found with and without its version."""

    def write(value: Any, into: Gathered) -> None:
        if value.__class__ is str:
            into.found.append(UriValue(parameter, value))
            url, bar, _ = value.partition("|")
            if bar:
                into.found.append(UriValue(parameter, url))

    return write


def match(question: Question) -> Node:
    """Read uris: exact, ``:below`` or ``:above``."""
    return UriMatch(
        parameter=question.parameter,
        mode=question.modifier or "exact",  # type: ignore[arg-type] # one of MODIFIERS
        values=tuple(unescape(value) for value in question.alternatives),
    )
