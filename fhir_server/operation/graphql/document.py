"""A query as what is asked: fields in their order, fragments written out, variables filled in.

The language is read by graphql-core; what its tree means for FHIR begins here.

Spec: https://spec.graphql.org/October2021/#sec-Language
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fhir_server.operation.graphql.fault import Faults, Place, fault
from fhir_server.operation.graphql.limits import (
    MAX_CHARACTERS,
    MAX_COMMENTS,
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_TOKENS,
)
from fhir_server.operation.graphql.value import Value, Values

if TYPE_CHECKING:  # the library takes 0.1 s to import: whoever asks first waits for it
    from graphql.language import (
        DirectiveNode,
        DocumentNode,
        FieldNode,
        FragmentDefinitionNode,
        Node,
        OperationDefinitionNode,
        SelectionSetNode,
    )


class Shape(NamedTuple):
    """What the directives make of a field.

    Spec: https://hl7.org/fhir/R4/graphql.html#flattening

    Attributes:
        flatten: Its children stand in its place.
        first: Only its first value counts.
        singleton: It is no list in the answer.
        slice: FHIRPath whose result is appended to the names of what each value makes.
    """

    flatten: bool = False
    first: bool = False
    singleton: bool = False
    slice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field that is asked for.

    Attributes:
        key: Its name in the answer: the alias, where it has one.
        name: Its name.
        arguments: With the values of variables; null is as good as absent.
        shape: See there.
        selection: What is asked of its value.
        conditions: Types that its owner must be of: those of the fragments around it.
        place: In the query.
    """

    key: str
    name: str
    arguments: Mapping[str, Value]
    shape: Shape
    selection: tuple["Field", ...]
    conditions: tuple[str, ...]
    place: Place


def parsed(text: str) -> "DocumentNode":
    """Parse a query.

    Raises:
        Faults: It is no GraphQL, or too long.
    """
    from graphql import GraphQLError
    from graphql.language import parse

    if len(text) > MAX_CHARACTERS:
        raise fault("graphql-too-large", None, expected=MAX_CHARACTERS, what="characters")
    try:
        return parse(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_COMMENTS)
    except GraphQLError as error:
        where = error.locations[0] if error.locations else None
        place = None if where is None else Place(where.line, where.column)
        reason = error.message.removeprefix("Syntax Error: ")
        raise fault("graphql-syntax", place, reason=reason) from error


def chosen(document: "DocumentNode", name: str | None) -> "OperationDefinitionNode":
    """Return the operation that is to be carried out.

    Raises:
        Faults: There is none of that name, or several and no name; or it is no query.
    """
    from graphql.language import OperationDefinitionNode, OperationType

    found = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    names = [one.name.value if one.name else "" for one in found]
    if name is not None:
        found = [one for one, own in zip(found, names, strict=True) if own == name]
    if len(found) != 1:
        raise fault("graphql-operation", None, found=name or "-", expected=", ".join(names) or "-")
    if found[0].operation is not OperationType.QUERY:
        raise fault("graphql-no-query", place_of(found[0]), found=found[0].operation.value)
    return found[0]


def place_of(node: "Node") -> Place:
    """Return where a node stands."""
    if node.loc is None:
        return Place(1, 1)
    return Place(node.loc.start_token.line, node.loc.start_token.column)


class Reader:
    """Writes out the fields of one operation.

    Args:
        document: The whole query: its fragments.
        values: Of its variables.
    """

    def __init__(self, document: "DocumentNode", values: Values) -> None:
        from graphql.language import FragmentDefinitionNode

        self._values = values
        self._count = 0
        self._fragments: dict[str, FragmentDefinitionNode] = {
            one.name.value: one
            for one in document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }

    def fields(self, operation: "OperationDefinitionNode") -> tuple[Field, ...]:
        """Return what the operation asks for.

        Raises:
            Faults: Unknown fragments, directives or variables; or too much is asked.
        """
        return tuple(self._selected(operation.selection_set, (), 1, ()))

    def _selected(
        self,
        selected: "SelectionSetNode | None",
        conditions: tuple[str, ...],
        depth: int,
        open_fragments: tuple[str, ...],
    ) -> list[Field]:
        from graphql.language import FieldNode, FragmentSpreadNode, InlineFragmentNode

        fields: list[Field] = []
        for node in () if selected is None else selected.selections:
            if depth > MAX_DEPTH:
                raise fault("graphql-too-large", place_of(node), expected=MAX_DEPTH, what="levels")
            shape = self._shape(node.directives or ())
            if shape is None:
                continue
            if isinstance(node, FieldNode):
                fields.append(self._field(node, shape, conditions, depth, open_fragments))
                continue
            inside = open_fragments
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                fragment = self._fragment(node, name, open_fragments)
                condition, body = fragment.type_condition.name.value, fragment.selection_set
                inside = (*open_fragments, name)
            elif isinstance(node, InlineFragmentNode):
                typed = node.type_condition
                condition, body = typed.name.value if typed else "", node.selection_set
            narrowed = (*conditions, condition) if condition else conditions
            fields += self._selected(body, narrowed, depth + 1, inside)
        return fields

    def _fragment(
        self, node: "Node", name: str, open_fragments: Sequence[str]
    ) -> "FragmentDefinitionNode":
        if name in open_fragments:
            raise fault("graphql-fragment-cycle", place_of(node), found=name)
        fragment = self._fragments.get(name)
        if fragment is None:
            raise fault("graphql-fragment-unknown", place_of(node), found=name)
        return fragment

    def _field(
        self,
        node: "FieldNode",
        shape: Shape,
        conditions: tuple[str, ...],
        depth: int,
        open_fragments: tuple[str, ...],
    ) -> Field:
        self._count += 1
        if self._count > MAX_FIELDS:
            raise fault("graphql-too-large", place_of(node), expected=MAX_FIELDS, what="fields")
        return Field(
            key=node.alias.value if node.alias else node.name.value,
            name=node.name.value,
            arguments={
                one.name.value: value
                for one in node.arguments or ()
                if (value := self._values.of(one.value)) is not None
            },
            shape=shape,
            selection=tuple(self._selected(node.selection_set, (), depth + 1, open_fragments)),
            conditions=conditions,
            place=place_of(node),
        )

    def _shape(self, directives: "Sequence[DirectiveNode]") -> Shape | None:
        """Return what directives ask; None: to leave the node out."""
        shape = Shape()
        for one in directives:
            name = one.name.value
            given = {argument.name.value: argument.value for argument in one.arguments or ()}
            if name in {"include", "skip"}:
                condition = self._values.of(given["if"]) if given.keys() == {"if"} else None
                if not isinstance(condition, bool):
                    raise _directive(one, name, "if: Boolean")
                if condition is (name == "skip"):
                    return None
            elif name == "slice":
                path = self._values.of(next(iter(given.values()))) if len(given) == 1 else None
                if not isinstance(path, str) or not given.keys() <= {"path", "fhirpath"}:
                    raise _directive(one, name, "path: String")
                shape = shape._replace(slice=path)
            elif name in _PLAIN and not given:
                shape = shape._replace(**{name: True})  # type: ignore[arg-type] # a flag
            else:
                raise _directive(one, name, ", ".join(("include", "skip", *_PLAIN, "slice")))
        return shape


_PLAIN = ("flatten", "first", "singleton")


def _directive(node: "DirectiveNode", name: str, expected: str) -> Faults:
    return fault("graphql-directive", place_of(node), found=f"@{name}", expected=expected)
