"""Scanner of narratives; it answers the invariants txt-1 and txt-2.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from typing import Any

from fhir_server.fhirpath import narrative_faults
from fhir_server.validation.finding import Finding
from fhir_server.validation.primitive.temporal import wrong_json

_RULES = {
    "root": "xhtml-root",
    "link": "xhtml-active-content",
    "entity": "xhtml-entity",
    "xml": "xhtml-malformed",
    "empty": "xhtml-empty",
}
_INVARIANTS = {"xhtml-not-allowed": "txt-1", "xhtml-empty": "txt-2"}


def scan_xhtml(value: Any) -> Finding | None:
    """A ``<div>`` of basic formatting with some content; no scripts, forms, frames or entities."""
    if value.__class__ is not str:
        return wrong_json(value, "xhtml", "string")
    faults = narrative_faults(value.strip())
    if not faults:
        return None
    rule = _RULES.get(faults[0].kind, "xhtml-not-allowed")
    return Finding(
        rule,
        source=_INVARIANTS.get(rule),
        found=faults[0].text,
        expected="http://www.w3.org/1999/xhtml",
    )
