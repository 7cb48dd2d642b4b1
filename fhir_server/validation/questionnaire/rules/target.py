"""What a reference leads to is of an allowed type.

Spec: https://hl7.org/fhir/R4/extension-questionnaire-referenceresource.html
"""

from collections.abc import Iterator

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding
from fhir_server.validation.questionnaire.answer import Answer
from fhir_server.validation.reading import text_of
from fhir_server.validation.reference_target import find_target, named_type
from fhir_server.validation.scope import Scope

_ALLOWED = "http://hl7.org/fhir/StructureDefinition/questionnaire-referenceResource"


def check(answer: Answer) -> Iterator[Finding]:
    """Report a reference to a resource of another type; one that tells no type is left alone."""
    allowed = [v.json for v in answer.item.extensions.get(_ALLOWED, ()) if v.fhir_type == "code"]
    if answer.value.fhir_type != "Reference" or not allowed:
        return
    found = _type_of(answer.value.json, answer.scope)
    if found is not None and found not in allowed:
        yield Finding(
            "answer-target",
            link_id=answer.item.link_id,
            found=found,
            expected=", ".join(allowed),
        )


def _type_of(reference: JsonObject, scope: Scope) -> str | None:
    literal = text_of(reference, "reference")
    if literal is not None:
        named = named_type(literal)
        if named is not None:
            return named
        target = find_target(literal, scope)
        if target is not None:
            return str(target.resource.get("resourceType"))
    return text_of(reference, "type")
