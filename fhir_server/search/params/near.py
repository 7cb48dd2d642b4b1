"""Positions: how far a place is from a point on earth.

Spec: https://hl7.org/fhir/R4/location.html#positional
"""

import re
from decimal import Decimal
from typing import Any

from fhir_server.search.clause import Question, split, unescape
from fhir_server.search.gathered import Gathered, IndexOptions, Writer
from fhir_server.search.params.number import decimal
from fhir_server.search.tree import NearMatch, NearTerm, Node
from fhir_server.search.values import PositionValue

MODIFIERS: tuple[str, ...] = ()
_METRES = {
    "m": Decimal(1),
    "km": Decimal(1000),
    "[mi_us]": Decimal("1609.347219"),
    "[mi_i]": Decimal("1609.344"),
    "[nmi_i]": Decimal(1852),
    "[ft_i]": Decimal("0.3048"),
}
"""UCUM codes of lengths that people search by, in metres."""
_DEFAULT_DISTANCE_M = 10_000.0
"""Where the client gives no distance the server may choose one."""
_NUMBER = re.compile(r"[+-]?[0-9]{1,10}(?:\.[0-9]{1,20})?")
_HIGHEST_LATITUDE, _HIGHEST_LONGITUDE = 90, 180


def writer(parameter: str, fhir_type: str, _: IndexOptions) -> Writer | None:
    """Return what indexes ``Location.position``; None for anything else."""
    if fhir_type != "Location.position":
        return None

    def write(value: Any, into: Gathered) -> None:
        latitude, longitude = decimal(value.get("latitude")), decimal(value.get("longitude"))
        if latitude is not None and longitude is not None:
            into.found.append(PositionValue(parameter, latitude, longitude))

    return write


def match(question: Question) -> Node:
    """Read ``latitude|longitude|distance|unit``; without unit the distance is in kilometres."""
    return NearMatch(
        parameter=question.parameter,
        values=tuple(_term(question, value) for value in question.alternatives),
    )


def _term(question: Question, value: str) -> NearTerm:
    pieces = [unescape(piece) for piece in split(value, "|")]
    latitude, longitude, distance, unit = (*pieces, "", "", "", "")[:4]
    metres = _METRES.get(unit or "km")
    if (
        len(pieces) > 4  # noqa: PLR2004 # the four parts
        or metres is None
        or not _is_within(latitude, _HIGHEST_LATITUDE)
        or not _is_within(longitude, _HIGHEST_LONGITUDE)
        or not (distance == "" or (_NUMBER.fullmatch(distance) and distance[0] != "-"))
    ):
        raise question.refuse("search-near-invalid", found=value)
    distance_m = float(Decimal(distance) * metres) if distance else _DEFAULT_DISTANCE_M
    return NearTerm(float(latitude), float(longitude), distance_m)


def _is_within(text: str, highest: int) -> bool:
    return _NUMBER.fullmatch(text) is not None and abs(Decimal(text)) <= highest
