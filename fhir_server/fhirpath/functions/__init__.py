"""The functions of FHIRPath, one module for each chapter of the specification.

Spec: http://hl7.org/fhirpath/N1/#functions
"""

from collections.abc import Mapping
from types import MappingProxyType

from fhir_server.fhirpath.functions import (
    aggregation,
    combining,
    conversion,
    existence,
    fhir,
    filtering,
    math,
    strings,
    subsetting,
    temporal_part,
    traversal,
    utility,
)
from fhir_server.fhirpath.functions.registry import SAME, Argument, Function, Site
from fhir_server.fhirpath.functions.traversal import compile_as, compile_is

_CHAPTERS = (
    existence,
    filtering,
    subsetting,
    combining,
    conversion,
    strings,
    math,
    traversal,
    utility,
    aggregation,
    temporal_part,
    fhir,
)

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        entry.name: entry
        for chapter in _CHAPTERS
        for entry in vars(chapter).values()
        if isinstance(entry, Function)
    }
)
"""Every function by name, but for ``defineVariable``: it changes what stands behind it."""

__all__ = ["FUNCTIONS", "SAME", "Argument", "Function", "Site", "compile_as", "compile_is"]
