"""Values of arguments and variables.

Spec: https://spec.graphql.org/October2021/#sec-Input-Values
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from fhir_server.operation.graphql.fault import Place, fault

if TYPE_CHECKING:
    from graphql.language import TypeNode, ValueNode, VariableDefinitionNode

Value = None | bool | int | Decimal | str | list["Value"]


class Values:
    """Reads values by the variables that were sent.

    Args:
        defined: The variables that the operation declares.
        sent: Values from the request; those that are not declared are not looked at.

    Raises:
        Faults: A variable has no value, or one that does not fit its type.
    """

    def __init__(
        self, defined: "Iterable[VariableDefinitionNode]", sent: Mapping[str, Any]
    ) -> None:
        self._variables: dict[str, Value] = {}
        for one in defined:
            name = one.variable.name.value
            if name in sent:
                given = sent[name]
            elif one.default_value is not None:
                given = self.of(one.default_value)
            else:
                given = None
            if not _fits(given, one.type):
                raise fault("graphql-variable", _place(one), name=name, expected=_name(one.type))
            self._variables[name] = given

    def of(self, node: "ValueNode") -> Value:
        """Return the value that is written in a query.

        Raises:
            Faults: An undeclared variable, or an object: no argument takes one.
        """
        from graphql.language import ListValueNode, NullValueNode, VariableNode

        if isinstance(node, VariableNode):
            name = node.name.value
            if name not in self._variables:
                raise fault("graphql-variable-unknown", _place(node), found=f"${name}")
            return self._variables[name]
        if isinstance(node, ListValueNode):
            return [self.of(item) for item in node.values]
        if isinstance(node, NullValueNode):
            return None
        written = getattr(node, "value", None)
        if written is None:
            raise fault("graphql-argument-type", _place(node), name="{}", expected="String")
        try:
            return _LITERALS.get(node.kind, str)(written)
        except (ValueError, InvalidOperation) as error:
            raise fault(
                "graphql-argument-type", _place(node), name=str(written)[:60], expected=node.kind
            ) from error


_LITERALS: Mapping[str, Callable[[Any], Value]] = {
    "int_value": int,
    "float_value": Decimal,
    "boolean_value": bool,
}


def text_of(value: Value) -> str:
    """Return a value as FHIR writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _place(node: Any) -> Place:
    return Place(node.loc.start_token.line, node.loc.start_token.column)


def _name(node: "TypeNode") -> str:
    from graphql.language import print_ast

    return print_ast(node)


def _fits(value: Any, node: "TypeNode") -> bool:
    """Say whether a value fits a type; of types that GraphQL does not define any scalar does."""
    from graphql.language import ListTypeNode, NonNullTypeNode

    if isinstance(node, NonNullTypeNode):
        return value is not None and _fits(value, node.type)
    if value is None:
        return True
    if isinstance(node, ListTypeNode):
        items = value if isinstance(value, list) else [value]
        return all(_fits(item, node.type) for item in items)
    kinds = _SCALARS.get(node.name.value, (str, int, Decimal))  # type: ignore[attr-defined] # a named type
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


_SCALARS: Mapping[str, tuple[type, ...]] = {
    "Int": (int,),
    "Float": (int, Decimal),
    "Boolean": (bool,),
    "boolean": (bool,),
    "String": (str,),
    "ID": (str, int),
}
