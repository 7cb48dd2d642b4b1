"""Code systems, value sets and concept maps: membership, expansion, lookup, translation."""

from fhir_server.terminology.check import CodeCheck, Verdict
from fhir_server.terminology.display import ANY_LANGUAGE, Languages, parse_languages
from fhir_server.terminology.terminology import Terminology

__all__ = [
    "ANY_LANGUAGE",
    "CodeCheck",
    "Languages",
    "Terminology",
    "Verdict",
    "parse_languages",
]
