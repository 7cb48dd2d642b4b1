"""May an extension stand here? Its contexts name types, paths, extensions or FHIRPath.

Most are answered by the type around the extension. Where a path or FHIRPath decides, a claim
travels up with the finding to the resource, which knows the whole path and drops the finding if
the claim holds.

Spec: https://hl7.org/fhir/R4/defining-extensions.html#context
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fhir_server.definitions import Structure, TypeTable
from fhir_server.fhirpath import FhirPathError, compile_expression
from fhir_server.model import escape
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.scope import Plans, Scope

_ANYWHERE = "Element"
"""As a context it means any element, resources included."""

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_ERRATA = {
    f"{_HL7}structuredefinition-fhir-type": ("ElementDefinition.type",),
    f"{_HL7}structuredefinition-normative-version": ("ElementDefinition", "DomainResource"),
    f"{_HL7}regex": ("ElementDefinition.type",),
}
"""Where R4's own definitions have extensions that their contexts do not allow there."""


class Claim(NamedTuple):
    """The extension with this definition stands where its contexts allow it."""

    structure: Structure


def judge_locally(structure: Structure, holder: str, types: TypeTable) -> bool | None:
    """Say whether the type around the extension is enough to allow it; None: ask the path."""
    names = {*_type_names(holder, types), _ANYWHERE}
    if not structure.contexts or any(
        kind == "element" and expression in names for kind, expression in structure.contexts
    ):
        return True
    return None


def settle(
    found: Findings | None, resource_type: str, scope: Scope, table: Plans
) -> Findings | None:
    """Decide the claims among the findings of a resource."""
    if found is None or all(finding.claim is None for finding in found):
        return found
    kept = [f for f in found if f.claim is None or not _holds(f, resource_type, scope, table)]
    for finding in kept:
        finding.claim = None
    return kept or None


def _holds(finding: Finding, resource_type: str, scope: Scope, table: Plans) -> bool:
    """Say whether one of the contexts fits the element around the extension."""
    steps = finding.steps[2:][::-1]  # innermost are the index and the property of the extension
    paths = set(_paths(resource_type, steps, table.registry.types))
    structure: Structure = finding.claim.structure
    if not paths.isdisjoint(_ERRATA.get(structure.url, ())):
        return True
    for kind, expression in structure.contexts:
        if kind == "element" and expression in paths:
            return True
        if kind == "fhirpath" and _selects(expression, steps, scope, table):
            return True
    return False


def _paths(resource_type: str, steps: Sequence[Step], types: TypeTable) -> Iterator[str]:
    """Yield every way to write the element: from the resource, from each type, as its type."""
    fhir_type = resource_type
    paths = list(_type_names(fhir_type, types))
    for step in steps:
        if isinstance(step, int):
            continue
        key, name = step
        found = types.property(fhir_type, key.removeprefix("_"))
        paths = [f"{path}.{name}" for path in paths]
        if found is not None:
            paths += [f"{path}[x]" for path in paths if key.removeprefix("_") != name]
            fhir_type = found.fhir_type
            paths += _type_names(fhir_type, types)
    yield from paths


def _type_names(fhir_type: str, types: TypeTable) -> Iterator[str]:
    name: str | None = fhir_type
    while name is not None:
        yield name
        name = types.base_type(name)


def _selects(expression: str, steps: Sequence[Step], scope: Scope, table: Plans) -> bool:
    pointer = "".join(
        f"/{s}" if isinstance(s, int) else f"/{escape(s[0].removeprefix('_'))}" for s in steps
    )
    try:
        compiled = compile_expression(expression, table.registry.types)
        selected = compiled.evaluate(table.root_node(scope), table.environment(scope))
    except FhirPathError:
        return False
    return any(node.pointer == pointer for node in selected)
