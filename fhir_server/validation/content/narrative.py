"""What holds for the narratives of a resource beyond txt-1 and txt-2.

Spec: https://hl7.org/fhir/R4/narrative.html
"""

from collections.abc import Iterator

from fhir_server.model import JsonObject
from fhir_server.validation.content.narrative_link import link_findings
from fhir_server.validation.content.narrative_structure import structure_findings
from fhir_server.validation.content.narrative_tree import read_narrative
from fhir_server.validation.finding import Findings, Step
from fhir_server.validation.reading import object_of, objects, text_of

_TEXT: Step = ("text", "text")
_DIV: Step = ("div", "div")


def check(resource: JsonObject) -> Findings | None:
    """Check the narratives of a resource and of its sections."""
    found: Findings = []
    for narrative, steps in _narratives(resource, ()):
        text = text_of(narrative, "div")
        root = None if text is None else read_narrative(text)
        if root is None:
            continue
        findings: Findings = [*structure_findings(root), *link_findings(root, resource)]
        for finding in findings:
            finding.steps += [_DIV, *steps]
        found += findings
    return found or None


def _narratives(
    holder: JsonObject, steps: tuple[Step, ...]
) -> Iterator[tuple[JsonObject, tuple[Step, ...]]]:
    yield object_of(holder, "text"), (_TEXT, *steps)
    for index, section in objects(holder, "section"):
        yield from _narratives(section, (index, ("section", "section"), *steps))
