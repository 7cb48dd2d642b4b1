"""What HL7's terminology ecosystem calls the kinds of findings about codes.

Spec: http://hl7.org/fhir/tools/CodeSystem/tx-issue-type
"""

from collections.abc import Mapping
from types import MappingProxyType

TX_ISSUE_TYPE = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"

ISSUE_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "code-unknown": "invalid-code",
        "code-not-checked": "invalid-code",
        "code-not-in-value-set": "not-in-vs",
        "code-system-unknown": "not-found",
        "code-system-supplement": "invalid-data",
        "code-case-differs": "code-rule",
        "code-inactive": "code-comment",
        "code-abstract": "code-rule",
        "code-of-other-system": "invalid-data",
        "coding-ambiguous": "cannot-infer",
        "coding-without-system": "invalid-data",
        "display-wrong": "invalid-display",
        "terminology-status": "status-check",
        "value-set-unknown": "not-found",
    }
)
"""The kind by the rule of the finding."""
