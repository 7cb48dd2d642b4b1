"""Introspection: the definitions as a schema of GraphQL, made when somebody asks for it.

Answered by graphql-core over a schema without resolvers. The searches that a resource offers for
what refers to it are left out: they would be 40,000 fields.

Spec: https://spec.graphql.org/October2021/#sec-Introspection
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fhir_server.interaction import Knowledge
from fhir_server.model import encode
from fhir_server.operation.graphql.asking import BACKWARDS, EXCLUDED
from fhir_server.operation.graphql.call import Call
from fhir_server.operation.graphql.document import Field, parsed
from fhir_server.operation.graphql.fault import Place, fault
from fhir_server.operation.graphql.member import Members, type_name

if TYPE_CHECKING:
    from graphql.type import (
        GraphQLArgument,
        GraphQLField,
        GraphQLNamedOutputType,
        GraphQLOutputType,
        GraphQLScalarType,
        GraphQLSchema,
    )

_ROOTS = frozenset({"__schema", "__type"})
_BUILT_IN = {
    "System.String": "String", "System.Integer": "Int", "System.Decimal": "Float",
    "System.Boolean": "Boolean", "boolean": "Boolean", "integer": "Int", "string": "String",
}  # fmt: skip


def is_introspection(field: Field) -> bool:
    """Say whether a field at the root asks for the schema."""
    return field.name in _ROOTS


class Introspection:
    """Answers questions about the schema, one at a time; the last one and its answer are kept."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._made: tuple[object, str, GraphQLSchema] | None = None
        self._answered: tuple[object, str, Call, bytes] | None = None

    async def answer(
        self,
        knowledge: Knowledge,
        members: Members,
        call: Call,
        fields: Sequence[Field],
        root: str,
    ) -> bytes:
        """Return the whole answer; that of the whole schema, 10 MB, takes 4 seconds to make.

        Args:
            knowledge: In force.
            members: Of its types.
            call: The query, which asks for nothing else.
            fields: At its root.
            root: The type at which it starts.

        Raises:
            Faults: The query asks for data too, nests lists of types in one another, or is no
                introspection.
        """
        for field in fields:
            if not field.name.startswith("__"):
                raise fault("graphql-introspection", field.place, reason=f"'{field.name}'")
        registry = knowledge.registry
        async with self._turn:
            if self._answered is None or self._answered[:3] != (registry, root, call):
                made = await asyncio.to_thread(self._answer, knowledge, members, call, root)
                self._answered = (registry, root, call, made)
            return self._answered[3]

    def _answer(self, knowledge: Knowledge, members: Members, call: Call, root: str) -> bytes:
        from graphql import GraphQLError, execute_sync
        from graphql.validation import MaxIntrospectionDepthRule, validate

        schema = self._schema(knowledge, members, root)
        document = parsed(call.query)
        found: list[GraphQLError] = validate(schema, document, [MaxIntrospectionDepthRule])
        if not found:
            done = execute_sync(
                schema,
                document,
                variable_values=dict(call.variables),
                operation_name=call.operation_name,
            )
            found = done.errors or []
            if not found:
                return encode({"data": done.data})
        where = found[0].locations[0] if found[0].locations else None
        place = None if where is None else Place(where.line, where.column)
        raise fault("graphql-introspection", place, reason=found[0].message)

    def _schema(self, knowledge: Knowledge, members: Members, root: str) -> "GraphQLSchema":
        registry = knowledge.registry
        if self._made is None or self._made[:2] != (registry, root):
            self._made = (registry, root, Schema(knowledge, members).made(root))
        return self._made[2]


class Schema:
    """Makes the schema of GraphQL.

    Args:
        knowledge: For the search parameters.
        members: The fields of each type.
    """

    def __init__(self, knowledge: Knowledge, members: Members) -> None:
        self._knowledge = knowledge
        self._members = members
        self._types = members.types
        self._made: dict[str, GraphQLNamedOutputType] = {}

    def made(self, root: str) -> "GraphQLSchema":
        """Return the schema whose queries start at a type."""
        from graphql.type import GraphQLObjectType, GraphQLSchema

        query = self._type(root)
        assert isinstance(query, GraphQLObjectType)  # noqa: S101 # roots are concrete
        resources = [self._type(name) for name in sorted(self._types.resource_types)]
        return GraphQLSchema(query=query, types=resources)

    def _type(self, fhir_type: str) -> "GraphQLNamedOutputType":
        found = self._made.get(fhir_type)
        if found is None:
            found = self._made[fhir_type] = self._new(fhir_type)
        return found

    def _new(self, fhir_type: str) -> "GraphQLNamedOutputType":
        from graphql.type import GraphQLInterfaceType, GraphQLObjectType

        if self._members.is_leaf(fhir_type):
            return self._scalar(fhir_type)
        name = type_name(fhir_type)
        if self._types.is_resource(fhir_type):
            if self._types.is_abstract(fhir_type):
                return GraphQLInterfaceType(name, lambda: dict(self._fields(fhir_type)))
            return GraphQLObjectType(
                name,
                lambda: dict(self._fields(fhir_type)),
                interfaces=lambda: [self._type("Resource")],  # type: ignore[arg-type] # it is one
            )
        return GraphQLObjectType(name, lambda: dict(self._fields(fhir_type)))

    def _scalar(self, fhir_type: str) -> "GraphQLScalarType":
        from graphql.type import GraphQLScalarType, specified_scalar_types

        name = _BUILT_IN.get(fhir_type, type_name(fhir_type))
        found = specified_scalar_types.get(name) or self._made.get(f"scalar {name}")
        if found is None:
            found = self._made[f"scalar {name}"] = GraphQLScalarType(name)
        return found  # type: ignore[return-value] # only scalars are kept under such names

    def _fields(self, fhir_type: str) -> "Iterator[tuple[str, GraphQLField]]":
        from graphql.type import GraphQLField, GraphQLList

        for name in self._members.names(fhir_type):
            member = self._members.of(fhir_type, name)
            if member is None or name == "__typename":
                continue
            made: GraphQLOutputType = self._type(member.fhir_type)
            if member.is_collection:
                made = GraphQLList(made)
            arguments = dict(self._arguments(member.kind, member.fhir_type, name))
            yield name, GraphQLField(made, arguments)

    def _arguments(
        self, kind: str, fhir_type: str, name: str
    ) -> "Iterator[tuple[str, GraphQLArgument]]":
        from graphql.type import GraphQLArgument, GraphQLBoolean, GraphQLID, GraphQLNonNull

        if kind == "read":
            yield "id", GraphQLArgument(GraphQLNonNull(GraphQLID))
        elif kind == "target":
            yield from (("optional", GraphQLArgument(GraphQLBoolean)), ("type", self._text()))
        elif kind in {"list", "connection"}:
            searched = name.removesuffix("List").removesuffix("Connection")
            yield from self._criteria(searched, is_page=kind == "connection")
        elif kind == "element" and not self._members.is_leaf(fhir_type):
            for key, found in self._types.properties(fhir_type).items():
                if self._members.is_leaf(found.fhir_type) and not found.is_collection:
                    yield key, GraphQLArgument(self._scalar(found.fhir_type))
            yield from self._paging()
            yield "_offset", GraphQLArgument(self._scalar("integer"))

    def _criteria(
        self, resource_type: str, *, is_page: bool
    ) -> "Iterator[tuple[str, GraphQLArgument]]":
        from graphql.type import GraphQLArgument, GraphQLList

        values = GraphQLArgument(GraphQLList(self._scalar("string")))
        for parameter in self._knowledge.parser.offered(resource_type):
            name = parameter.code.replace("-", "_")
            if name not in EXCLUDED and name != BACKWARDS:
                yield name, values
        yield from (("_sort", self._text()), ("_filter", self._text()))
        yield from self._paging()
        if is_page:
            yield "_cursor", self._text()

    def _paging(self) -> "Iterator[tuple[str, GraphQLArgument]]":
        from graphql.type import GraphQLArgument

        yield "fhirpath", self._text()
        yield "_count", GraphQLArgument(self._scalar("integer"))

    def _text(self) -> Any:
        from graphql.type import GraphQLArgument

        return GraphQLArgument(self._scalar("string"))
