"""What a strict validation calls an error that otherwise is a warning or a note.

R4 does not demand it in so many words, or its own examples break it, but HL7's validator refuses
it. See docs/decisions/0034-strict-validation.md.

Spec: https://hl7.org/fhir/R4/validation.html
"""

from dataclasses import replace

from fhir_server.model import Issue

STRICT_RULES = frozenset((
    "attachment-hash", "attachment-size", "attachment-white-space", "binding-to-other",
    "bundle-graph-missing", "bundle-link-paging", "bundle-link-repeated", "canonical-contained",
    "canonical-not-absolute", "code-not-uri", "code-system-count", "code-system-not-present",
    "concept-map-code", "concept-map-scope", "concept-property-code", "concept-property-hl7",
    "concept-property-relative", "concept-property-repeated", "concept-property-type",
    "constraint-source", "definition-context", "definition-derivation", "definition-kind",
    "definition-type", "definition-type-taken", "document-entry-unreachable",
    "extension-url-not-fixed", "filter-code", "filter-ecl", "filter-operator", "filter-value",
    "full-url-missing", "identifier-not-uri", "include-system-identifier",
    "include-system-relative", "include-system-supplement", "include-system-value-set",
    "include-system-version", "measure-library-ambiguous", "measure-library-not-compiled",
    "measure-library-unknown", "measure-part-missing", "measure-part-repeated",
    "measure-part-unknown", "measure-part-without-code", "measure-report-count",
    "measure-report-subjects", "measure-score-cohort", "measure-score-missing",
    "measure-score-range", "measure-score-unit", "measure-without-library",
    "narrative-language-missing", "narrative-languages-not-allowed", "reference-ambiguous",
    "search-entry-without-id", "search-match-type", "search-outcome-type",
    "search-parameter-base", "search-parameter-expression", "search-parameter-parts",
    "search-parameter-type", "slicing-of-one", "supplement-case", "supplement-code",
    "supplement-content", "supplement-of-nothing", "system-fragment", "system-fragment-missing",
    "system-not-absolute", "type-profile-other", "value-alternative", "value-not-comparable",
    "value-required", "xhtml-link-broken", "xhtml-link-empty", "xhtml-link-invalid",
    "xhtml-link-scheme", "xhtml-misplaced",
))  # fmt: skip
"""Rules whose findings are errors in a strict validation."""

_EXAMPLES = ("http://example.org/", "https://example.org/", "http://acme.com/")
_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/"
_LATIN_END = "\u0370"


def as_strict(found: Issue, language: str | None) -> Issue:
    """Return an issue with the severity it has in a strict validation.

    Args:
        found: The issue.
        language: Of the resource; a display in another language than English is not wrong.
    """
    if found.is_error or not _is_refused(found, language):
        return found
    return replace(found, severity="error")


def _is_refused(found: Issue, language: str | None) -> bool:
    if found.rule in STRICT_RULES:
        return True
    text = found.found or ""
    if found.rule == "extension-unknown":
        return not text.startswith((*_EXAMPLES, _HL7, _R5))
    if found.rule == "display-wrong" and found.severity == "warning":
        is_english = language is None or language[:2] == "en"
        return is_english and all(character < _LATIN_END for character in text)
    return False
