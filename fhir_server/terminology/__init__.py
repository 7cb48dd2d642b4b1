"""Code systems, value sets and concept maps: membership, expansion, lookup, translation."""

from fhir_server.terminology.check import CodeCheck, Verdict
from fhir_server.terminology.code_validation import (
    CodeValidation,
    CodingToCheck,
    ValidationOptions,
    coding_to_check,
    validate_in_code_system,
    validate_in_value_set,
)
from fhir_server.terminology.compose import Versions, expansion_parameters
from fhir_server.terminology.display import ANY_LANGUAGE, Languages, parse_languages
from fhir_server.terminology.expansion import ExpansionOptions, expand
from fhir_server.terminology.issue_type import ISSUE_TYPES, TX_ISSUE_TYPE
from fhir_server.terminology.lookup import CodeDetails, lookup
from fhir_server.terminology.subsumption import Subsumption, subsumes
from fhir_server.terminology.terminology import Terminology
from fhir_server.terminology.translation import Translation, TranslationQuery
from fhir_server.terminology.value_set import CompiledValueSet, Member

__all__ = [
    "ANY_LANGUAGE",
    "ISSUE_TYPES",
    "TX_ISSUE_TYPE",
    "CodeCheck",
    "CodeDetails",
    "CodeValidation",
    "CodingToCheck",
    "CompiledValueSet",
    "ExpansionOptions",
    "Languages",
    "Member",
    "Subsumption",
    "Terminology",
    "Translation",
    "TranslationQuery",
    "ValidationOptions",
    "Verdict",
    "Versions",
    "coding_to_check",
    "expand",
    "expansion_parameters",
    "lookup",
    "parse_languages",
    "subsumes",
    "validate_in_code_system",
    "validate_in_value_set",
]
