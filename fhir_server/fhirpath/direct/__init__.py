"""Truths straight over JSON, for expressions whose meaning the type of the focus settles.

An invariant runs for every element of its type. Most ask no more than whether a property is there
or what it says; without nodes and collections that takes a fifth of the time.
"""

from fhir_server.fhirpath.direct.compile import DirectCompiler
from fhir_server.fhirpath.direct.source import Irregular, Truth

__all__ = ["DirectCompiler", "Irregular", "Truth"]
