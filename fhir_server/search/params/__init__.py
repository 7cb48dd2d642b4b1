"""Parameter types: how values of each are indexed, and how a search for them is read."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from fhir_server.search.clause import Question
from fhir_server.search.gathered import IndexOptions, Writer
from fhir_server.search.params import date, near, number, quantity, reference, string, token, uri
from fhir_server.search.tree import Node

__all__ = ["KINDS", "Kind"]


class Kind(NamedTuple):
    """One parameter type.

    Attributes:
        writer: (parameter, FHIR type, options) -> what indexes values of that type; None: nothing.
        match: Reads a search.
        modifiers: Those it has, ``missing`` and the type names of references left out.
    """

    writer: Callable[[str, str, IndexOptions], Writer | None]
    match: Callable[[Question], Node]
    modifiers: tuple[str, ...]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "token": Kind(token.writer, token.match, token.MODIFIERS),
        "string": Kind(string.writer, string.match, string.MODIFIERS),
        "date": Kind(date.writer, date.match, date.MODIFIERS),
        "reference": Kind(reference.writer, reference.match, reference.MODIFIERS),
        "number": Kind(number.writer, number.match, number.MODIFIERS),
        "quantity": Kind(quantity.writer, quantity.match, quantity.MODIFIERS),
        "uri": Kind(uri.writer, uri.match, uri.MODIFIERS),
        "special": Kind(near.writer, near.match, near.MODIFIERS),
    }
)
"""Composites are made of these (`fhir_server.search.composite`)."""
