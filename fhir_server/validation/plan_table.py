"""Every plan of one registry, made on first use and kept: the memory of a validator.

Plans are never changed once made. Two threads that meet a type for the first time both make its
plan and either may keep it, so no lock is needed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fhir_server.definitions import Element, Registry, Structure, find_element
from fhir_server.fhirpath import Env, Node, root_node
from fhir_server.terminology import Terminology
from fhir_server.validation.extension import ExtensionList
from fhir_server.validation.finding import Findings, has_error
from fhir_server.validation.host import ValidationHost
from fhir_server.validation.known_extension import Extensions
from fhir_server.validation.options import ValidationOptions
from fhir_server.validation.overlay import OverlayCompiler, compile_overlay
from fhir_server.validation.place import Place
from fhir_server.validation.plan import ObjectPlan
from fhir_server.validation.property import property_checks
from fhir_server.validation.resource import ResourceChecks
from fhir_server.validation.scope import NO_VARIABLES, Check, Rule, Scope

if TYPE_CHECKING:
    from types import ModuleType

RuleCompiler = Callable[[Element, Place], Rule | None]


class PlanTable:
    """Plans by type and profile.

    Attributes:
        registry: The definitions.
        terminology: Answers membership.
        options: How strict.
        resources: Checks whole resources.
    """

    def __init__(
        self,
        registry: Registry,
        terminology: Terminology,
        options: ValidationOptions,
        rules: Sequence["ModuleType"],
    ) -> None:
        self.registry = registry
        self.terminology = terminology
        self.options = options
        self.resources = ResourceChecks(self)
        self.check_nested: Check = self.resources.check_nested
        self.check_contained: Check = self.resources.check_contained
        self._compilers: tuple[RuleCompiler, ...] = tuple(rule.compile_rule for rule in rules)
        self._types: dict[str, ObjectPlan] = {}
        self._elements: dict[tuple[str, str], ObjectPlan] = {}
        self._overlays: dict[tuple[str, str | None], Rule | None] = {}
        self._element_rules: dict[tuple[str, str, str], Rule | None] = {}
        self._extensions = Extensions(self)
        self._host = ValidationHost(self)

    # -- base definitions

    def type_check(self, fhir_type: str) -> Check:
        """Return the check of objects of a type.

        Raises:
            LookupError: There is no such type.
        """
        plan = self._types.get(fhir_type)
        if plan is None:
            structure = self.registry.type_structure(fhir_type)
            if structure is None:
                raise LookupError(fhir_type)
            plan = self._types[fhir_type] = ObjectPlan(self, structure, structure.root)
        return plan.check

    def object_check(self, element: Element, fhir_type: str, structure: Structure) -> Check:
        """Return the check of an element's objects: of its own children or of its type."""
        if element.content_reference is not None:
            element = find_element(structure, element.content_reference) or element
        if not element.children:
            return self.type_check(fhir_type)
        key = (structure.url, element.id)
        plan = self._elements.get(key)
        if plan is None:
            plan = self._elements[key] = ObjectPlan(self, structure, element)
        return plan.check

    def properties(
        self, element: Element, structure: Structure, parent: Element
    ) -> dict[str, Check]:
        """Make the checks of an element's JSON properties."""
        return property_checks(element, structure, parent, self)

    def property_rules(
        self, element: Element, fhir_type: str, structure: Structure
    ) -> tuple[Rule, ...]:
        """Make the rules of an element beyond those of its type; its children bring their own."""
        if element.children or element.content_reference is not None:
            return ()
        above = self.registry.type_structure(fhir_type)
        inherited = () if above is None else (above.root,)
        return self.rules(element, structure, fhir_type, inherited)

    def rules(
        self,
        element: Element,
        structure: Structure,
        fhir_type: str,
        inherited: tuple[Element, ...] = (),
    ) -> tuple[Rule, ...]:
        """Make the rules for the values of an element, those of ``inherited`` left out."""
        place = Place(table=self, structure=structure, fhir_type=fhir_type, inherited=inherited)
        made = (compiler(element, place) for compiler in self._compilers)
        return tuple(rule for rule in made if rule is not None)

    # -- profiles and extensions

    def overlay(self, structure: Structure) -> Rule | None:
        """Return what a profile asks beyond its base type; None: nothing."""
        key = (structure.url, structure.version)
        if key not in self._overlays:
            self._overlays[key] = compile_overlay(structure, self)
        return self._overlays[key]

    def element_rule(self, structure: Structure, element_id: str, fhir_type: str) -> Rule | None:
        """Return what one element of a profile asks of values of a type; None: nothing."""
        key = (structure.url, element_id, fhir_type)
        if key not in self._element_rules:
            element = find_element(structure, element_id)
            compiler = OverlayCompiler(structure, self)
            made = None if element is None else compiler.value(element, fhir_type, ())
            self._element_rules[key] = made
        return self._element_rules[key]

    def check_profile(self, value: Any, structure: Structure, scope: Scope) -> Findings | None:
        """Check a value against a profile; one that is being checked already is taken as met."""
        overlay = self.overlay(structure)
        if overlay is None:
            return None
        key = (id(value), structure.url)
        verdicts = scope.run.conformance
        if verdicts.get(key):
            return None
        verdicts[key] = True
        found = overlay(value, None, scope)
        verdicts[key] = not has_error(found)
        return found

    def conforms(self, value: Any, structure: Structure, scope: Scope) -> bool:
        """Say whether a value meets a profile."""
        fhir_type = value.get("resourceType") if isinstance(value, dict) else None
        if isinstance(fhir_type, str) and not self.registry.types.is_subtype(
            fhir_type, structure.type
        ):
            return False
        known = scope.run.conformance.get((id(value), structure.url))
        if known is not None:
            return known
        self.check_profile(value, structure, scope)
        return scope.run.conformance.get((id(value), structure.url), True)

    def extension_list(self, holder: str, *, is_modifier: bool) -> Check:
        """Return the check of an array of extensions in elements of a type or path."""
        return ExtensionList(self._extensions, holder, is_modifier=is_modifier).check

    # -- FHIRPath

    def root_node(self, scope: Scope) -> Node:
        """Return the node of the resource under check."""
        return root_node(scope.resource, self.registry.types)

    def environment(
        self, scope: Scope, variables: Mapping[str, Sequence[Node]] = NO_VARIABLES
    ) -> Env:
        """Return the surroundings of an expression, made once for each resource."""
        if scope.env is not None and not variables:
            return scope.env
        resource = self.root_node(scope)
        root = root_node(scope.root, self.registry.types) if scope.is_contained else resource
        env = Env(
            resource=resource, root_resource=root, variables=variables, host=self._host.at(scope)
        )
        if not variables:
            scope.env = env
        return env
