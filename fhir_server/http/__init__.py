"""HTTP: bytes in, bytes out; everything in between is asked of the interactions."""

from fhir_server.http.codec import codecs
from fhir_server.http.handler import FhirHandler
from fhir_server.http.logging import configure_logging
from fhir_server.http.metrics import HttpMetrics
from fhir_server.http.negotiation import MEDIA_TYPES
from fhir_server.http.options import HttpOptions
from fhir_server.http.protocol import BoundedProtocol, WireLimits
from fhir_server.http.surroundings import surroundings

__all__ = [
    "MEDIA_TYPES",
    "BoundedProtocol",
    "FhirHandler",
    "HttpMetrics",
    "HttpOptions",
    "WireLimits",
    "codecs",
    "configure_logging",
    "surroundings",
]
