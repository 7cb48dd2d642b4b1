"""What FHIRPath asks of the validator: targets, membership, conformance.

Spec: https://hl7.org/fhir/R4/fhirpath.html#functions
"""

from fhir_server.fhirpath import Node, root_node
from fhir_server.validation.reference_target import find_target
from fhir_server.validation.scope import Plans, Scope


class ValidationHost:
    """Answers for the resource of one scope.

    Args:
        table: Profiles and terminology.
        scope: The resource under check; None where only `at` is asked.
    """

    __slots__ = ("_scope", "_table")

    def __init__(self, table: Plans, scope: Scope | None = None) -> None:
        self._table = table
        self._scope = scope

    def at(self, scope: Scope) -> "ValidationHost":
        """Return the host for a resource."""
        return ValidationHost(self._table, scope)

    def resolve(self, reference: str, node: Node) -> Node | None:
        """Look in the resource, the Bundle around it, then outside."""
        if self._scope is None:
            return None
        target = find_target(reference, self._scope)
        if target is None or target.resource.get("resourceType") not in (
            self._table.registry.types.resource_types
        ):
            return None
        return root_node(target.resource, self._table.registry.types)

    def member_of(self, node: Node, value_set: str) -> bool | None:
        """Say whether a code, Coding or CodeableConcept is in a value set; None: cannot tell."""
        value = node.value
        if isinstance(value, str):
            verdicts = [self._table.terminology.validate_code(value_set, None, value).verdict]
        elif isinstance(value, dict):
            codings = value.get("coding", ()) if node.fhir_type == "CodeableConcept" else (value,)
            verdicts = [
                self._table.terminology.validate_code(value_set, c.get("system"), c["code"]).verdict
                for c in codings
                if isinstance(c, dict) and isinstance(c.get("code"), str)
            ]
        else:
            return None
        if "member" in verdicts:
            return True
        return None if "not-checked" in verdicts else False

    def conforms_to(self, node: Node, profile: str) -> bool | None:
        """Say whether a value meets a profile; None: the profile is not here."""
        structure = self._table.registry.structure(profile)
        if structure is None or self._scope is None or not isinstance(node.value, dict):
            return None
        if not self._table.registry.types.is_subtype(node.fhir_type, structure.type):
            return False
        scope = self._scope
        if node.fhir_type == node.value.get("resourceType"):
            scope = scope.inside(node.value)
        return self._table.conforms(node.value, structure, scope)
