"""Language sections of a narrative, as a profile asks for them.

Spec: https://hl7.org/fhir/extensions/StructureDefinition-narrative-language-control.html
"""

from collections.abc import Iterator

from fhir_server.model import JsonObject
from fhir_server.validation.content.narrative_tree import Tag, read_narrative
from fhir_server.validation.finding import Finding
from fhir_server.validation.reading import object_of, text_of


def language_findings(resource: JsonObject, control: str, source: str) -> Iterator[Finding]:
    """Check the sections of a narrative: none, some, that of the resource or of one language.

    Args:
        resource: Whose narrative it is.
        control: ``_no``, ``_yes``, ``_resource`` or a language.
        source: The profile that asks for it.
    """
    text = text_of(object_of(resource, "text"), "div")
    root = None if text is None else read_narrative(text)
    if root is None:
        return
    present = sorted(_sections(root))
    shown = ", ".join(present)
    at = (("div", "div"), ("text", "text"))
    if control == "_no":
        if present:
            yield Finding("narrative-languages-not-allowed", source=source, found=shown, at=at)
    elif control == "_yes":
        if not present:
            yield Finding(
                "narrative-language-missing", source=source, found="–", expected="*", at=at
            )
    else:
        wanted = text_of(resource, "language") if control == "_resource" else control
        if wanted not in present:
            yield Finding(
                "narrative-language-missing",
                source=source,
                found=shown or "–",
                expected=wanted or "language",
                at=at,
            )


def _sections(root: Tag) -> set[str]:
    return {tag.language for tag in root.children if tag.name == "div" and tag.language}
