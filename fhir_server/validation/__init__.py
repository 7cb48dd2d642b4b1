"""Checks a resource against definitions and answers with findings."""

from fhir_server.validation.known_target import Absent, Known, KnownTargets, local_name
from fhir_server.validation.options import ValidationOptions
from fhir_server.validation.scope import ReferenceResolver
from fhir_server.validation.validator import RULES, Validator

__all__ = [
    "RULES",
    "Absent",
    "Known",
    "KnownTargets",
    "ReferenceResolver",
    "ValidationOptions",
    "Validator",
    "local_name",
]
