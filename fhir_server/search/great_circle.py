"""How far two places on earth are from each other.

Spec: https://hl7.org/fhir/R4/location.html#positional
"""

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_M = 6_371_008.8
"""Of a sphere as large as the earth."""


def distance_m(latitude: float, longitude: float, latitude2: float, longitude2: float) -> float:
    """Return the distance of two points along the great circle, in metres; points in degrees."""
    north, north2 = radians(latitude), radians(latitude2)
    half = (
        sin((north2 - north) / 2) ** 2
        + cos(north) * cos(north2) * sin(radians(longitude2 - longitude) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, half)))
