"""Positions within a distance: a band of latitudes by index, then the distance itself."""

import math
from typing import Any

from fhir_server.search import EARTH_RADIUS_M, NearTerm
from fhir_server.storage.mongodb.document import Document


def band(parameter: str, term: NearTerm) -> Document:
    """The part of the index to look at: entries by latitude."""
    reach = math.degrees(term.distance_m / EARTH_RADIUS_M) * 1.000001
    bounds = {"$gte": term.latitude - reach, "$lte": term.latitude + reach}
    return {"q": {"$elemMatch": {"k": f"{parameter}|lat", "lo": bounds}}}


def within(parameter: str, term: NearTerm) -> Document:
    """Haversine, as search/tree.py defines the distance."""

    def radians(value: Any) -> Document:
        return {"$degreesToRadians": value}

    def half_square(difference: Document) -> Document:
        return {"$pow": [{"$sin": {"$divide": [difference, 2]}}, 2]}

    north = radians({"$subtract": ["$$n.lat", term.latitude]})
    east = radians({"$subtract": ["$$n.lon", term.longitude]})
    middle = {
        "$multiply": [
            {"$cos": radians(term.latitude)},
            {"$cos": radians("$$n.lat")},
            half_square(east),
        ]
    }
    share = {"$min": [1.0, {"$add": [half_square(north), middle]}]}
    distance = {"$multiply": [2 * EARTH_RADIUS_M, {"$asin": {"$sqrt": share}}]}
    is_near = {"$and": [{"$eq": ["$$n.p", parameter]}, {"$lte": [distance, term.distance_m]}]}
    positions = {"$ifNull": ["$n", []]}
    return {
        "$expr": {"$anyElementTrue": [{"$map": {"input": positions, "as": "n", "in": is_near}}]}
    }
