"""Search parameters of one type, compiled to closures over its JSON.

All but two of R4's expressions are unions of straight paths (`fhir_server.search.paths`); only what
is no path goes through the FHIRPath engine.

Spec: https://hl7.org/fhir/R4/searchparameter.html
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from fhir_server.definitions import Registry, SearchParameter, TypeTable
from fhir_server.fhirpath import Env, FhirPathError, Node, compile_expression, root_node, tree
from fhir_server.fhirpath import node as fhirpath_node
from fhir_server.model import JsonObject
from fhir_server.search.composite import component_definition, component_name, group_writer
from fhir_server.search.gathered import Gathered, IndexOptions, Writer
from fhir_server.search.links import read_link
from fhir_server.search.params import KINDS
from fhir_server.search.paths import MakeWriter, Path, PathCompiler, as_path, union_parts

_BY_KEY = "_id"
"""Not indexed: every store finds resources by their key anyway."""
_COMPUTED = {
    "System.Boolean": "boolean",
    "System.String": "string",
    "System.Integer": "integer",
    "System.Decimal": "decimal",
}
"""FHIR types of what expressions compute."""


class TypePlan:
    """All that indexing does to resources of one type.

    Attributes:
        by_property: What to do with the value of a JSON property of the resource.
        whole: What to do with the resource itself.
    """

    __slots__ = ("by_property", "whole")

    def __init__(self) -> None:
        self.by_property: dict[str, tuple[Writer, ...]] = {}
        self.whole: tuple[Writer, ...] = ()

    def run(self, resource: JsonObject, into: Gathered) -> None:
        """Gather everything of one resource."""
        by_property = self.by_property
        for key in resource:
            writers = by_property.get(key)
            if writers is not None:
                value = resource[key]
                for write in writers:
                    write(value, into)
        for write in self.whole:
            write(resource, into)


class PlanCompiler:
    """Makes the plan of a type.

    Args:
        registry: The definitions.
        options: See `IndexOptions`.
        resource_type: The type.
    """

    def __init__(self, registry: Registry, options: IndexOptions, resource_type: str) -> None:
        self._registry = registry
        self._types: TypeTable = registry.types
        self._options = options
        self._component_options = replace(options, is_component=True)
        self._type = resource_type
        self._paths = PathCompiler(registry.types, options.base_urls)

    def plan(self, parameters: Iterable[SearchParameter]) -> TypePlan:
        """Return the plan for these parameters; those without expression have nothing to index.

        Raises:
            FhirPathError: An expression is no FHIRPath.
        """
        plan = TypePlan()
        for parameter in parameters:
            if parameter.expression is None or parameter.code == _BY_KEY:
                continue
            make_writer = self._maker(parameter)
            for part in self._parts(parameter.expression):
                self._add(plan, part, make_writer)
        return plan

    def _parts(self, expression: str) -> Iterator[tree.Tree]:
        return union_parts(compile_expression(expression, self._types).tree)

    def _maker(self, parameter: SearchParameter) -> MakeWriter:
        if parameter.type == "composite":
            return lambda focus_type: self._group(parameter, focus_type)
        kind = KINDS[parameter.type]
        return lambda fhir_type: kind.writer(parameter.code, fhir_type, self._options)

    def _add(self, plan: TypePlan, part: tree.Tree, make_writer: MakeWriter) -> None:
        path = as_path(part)
        if path is None:
            plan.whole = (*plan.whole, self._computed(part, make_writer))
            return
        if not self._starts_here(path):
            return
        by_property = (
            self._paths.fields(path.steps, self._type, make_writer) if path.steps else None
        )
        if by_property is None:
            writer = self._paths.compile(path.steps, self._type, make_writer)
            if writer is not None:
                plan.whole = (*plan.whole, writer)
            return
        for key, writer in by_property.items():
            plan.by_property[key] = (*plan.by_property.get(key, ()), writer)

    def _starts_here(self, path: Path) -> bool:
        return path.root in {"", "%resource"} or self._types.is_subtype(self._type, path.root)

    def _group(self, parameter: SearchParameter, focus_type: str) -> Writer | None:
        components: list[Writer] = []
        for position, component in enumerate(parameter.components):
            definition = component_definition(self._registry, component)
            if definition is None or definition.type not in KINDS:
                return None
            name = component_name(parameter.code, position)
            writer = self._component(component.expression, name, definition.type, focus_type)
            if writer is None:
                return None
            components.append(writer)
        return group_writer(parameter.code, components)

    def _component(self, expression: str, name: str, kind: str, focus_type: str) -> Writer | None:
        def make_writer(fhir_type: str) -> Writer | None:
            return KINDS[kind].writer(name, fhir_type, self._component_options)

        found = [
            self._component_part(part, focus_type, make_writer) for part in self._parts(expression)
        ]
        writers = tuple(writer for writer in found if writer is not None)
        if len(writers) <= 1:
            return writers[0] if writers else None

        def write(value: Any, into: Gathered) -> None:
            for one in writers:
                one(value, into)

        return write

    def _component_part(
        self, part: tree.Tree, focus_type: str, make_writer: MakeWriter
    ) -> Writer | None:
        path = as_path(part)
        if path is None:
            return self._computed(part, make_writer, focus_type)
        if path.root == "":
            return self._paths.compile(path.steps, focus_type, make_writer)
        if not self._starts_here(path):
            return None
        from_resource = self._paths.compile(path.steps, self._type, make_writer)
        if from_resource is None:
            return None
        return lambda _, into: from_resource(into.resource, into)

    def _computed(
        self, part: tree.Tree, make_writer: MakeWriter, focus_type: str | None = None
    ) -> Writer:
        """What is more than a path. An expression that fails on a resource finds nothing in it."""
        types, host = self._types, _LinkTypes(self._types, self._options.base_urls)
        expression = compile_expression(str(part), types)
        writers: dict[str, Writer | None] = {}

        def write(value: Any, into: Gathered) -> None:
            root = root_node(into.resource, types)
            focus = root if focus_type is None else fhirpath_node(value, focus_type)
            try:
                found = expression.evaluate(focus, Env(resource=root, host=host))
            except FhirPathError:
                return
            for item in found:
                fhir_type = _COMPUTED.get(item.fhir_type, item.fhir_type)
                if fhir_type not in writers:
                    writers[fhir_type] = make_writer(fhir_type)
                writer = writers[fhir_type]
                if writer is not None and item.value is not None:
                    writer(item.value, into)

        return write


class _LinkTypes:
    """Answers ``resolve()`` with the type a reference names: indexing sees one resource only."""

    def __init__(self, types: TypeTable, base_urls: tuple[str, ...]) -> None:
        self._types = types
        self._base_urls = base_urls

    def resolve(self, reference: str, node: Node) -> Node | None:
        found = read_link(reference, self._base_urls).type
        return Node({"resourceType": found}, found) if self._types.is_resource(found) else None

    def member_of(self, node: Node, value_set: str) -> bool | None:
        return None

    def conforms_to(self, node: Node, profile: str) -> bool | None:
        return None
