"""A StructureDefinition that constrains another: its snapshot can be made, the guard rails hold.

Spec: https://hl7.org/fhir/R4/profiling.html#limitations
"""

from fhir_server.definitions import DefinitionErrors, TreeCompiler, snapshot
from fhir_server.model import Issue, JsonObject
from fhir_server.validation import guard
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.scope import Scope

_DIFFERENTIAL: tuple[Step, ...] = (("element", "element"), ("differential", "differential"))
_BASE: tuple[Step, ...] = (("baseDefinition", "baseDefinition"),)


def check(definition: JsonObject, scope: Scope) -> Findings | None:
    """Check a definition whose shape is sound; without its base here there is nothing to compare.

    Args:
        definition: The StructureDefinition.
        scope: Made for it.
    """
    table = scope.run.table
    base_url = definition.get("baseDefinition")
    if not isinstance(base_url, str) or base_url == definition.get("url"):
        return None
    base = table.registry.structure(base_url)
    if base is None or definition.get("derivation") != "constraint":
        return None
    if "differential" not in definition:
        return None
    try:
        made = snapshot(definition, table.registry)
        structure = TreeCompiler().compile(made)
    except DefinitionErrors as errors:
        return [_placed(issue, definition) for issue in errors.issues]
    draft = guard.Draft(definition=definition, base=base, structure=structure, table=table)
    return guard.check(draft) or None


def _placed(issue: Issue, definition: JsonObject) -> Finding:
    """Give the finding of the snapshot generator the place of the element that it is about."""
    elements = definition["differential"].get("element", ())
    for index, element in enumerate(elements):
        if issue.expression in {element.get("path"), element.get("id")}:
            return Finding(issue.rule, issue=issue, at=(index, *_DIFFERENTIAL))
    at = _BASE if (issue.expression or "").endswith(".baseDefinition") else ()
    return Finding(issue.rule, issue=issue, at=at)
