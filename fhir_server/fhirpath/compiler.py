"""The tree to closures.

Spec: http://hl7.org/fhirpath/N1/#expressions
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from fhir_server.fhirpath import tree as nodes
from fhir_server.fhirpath.compiled import (
    IDENTITY,
    Collection,
    Compiled,
    from_constant,
    from_many,
    once_for_run,
)
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.functions import (
    FUNCTIONS,
    Argument,
    Function,
    Site,
    compile_as,
    compile_is,
)
from fhir_server.fhirpath.navigation import Navigator
from fhir_server.fhirpath.operators import OPERATORS, compile_sign
from fhir_server.fhirpath.paths import compile_index, compile_member, compile_root_type
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.temporal import temporal
from fhir_server.fhirpath.tree import CALENDAR_UNITS, Tree, TypeName
from fhir_server.fhirpath.types import IsType, type_name, type_test
from fhir_server.fhirpath.value import wrap
from fhir_server.fhirpath.variables import compile_variable

DEFINE = "defineVariable"


class Compiler:
    """Compiles trees for one release; what it learns about types serves every tree it gets.

    Attributes:
        navigator: Steps and types of the release.
        is_strict: See `Site`.
    """

    def __init__(self, navigator: Navigator, *, is_strict: bool) -> None:
        self.navigator = navigator
        self.is_strict = is_strict

    def compile(self, tree: Tree) -> Compiled:
        """Compile a tree.

        Raises:
            Fault: An unknown function or type, wrong arguments, a literal that means nothing.
        """
        definition = _innermost_definition(tree)
        if definition is not None:
            return self._compile_definition(tree, definition)
        build: Callable[[Compiler, Any], Compiled] = _BUILDERS[type(tree)]
        compiled = build(self, tree)
        return once_for_run(compiled, tree.offset) if _is_of_resource(tree) else compiled

    def _source(self, source: Tree | None) -> Compiled:
        return IDENTITY if source is None else self.compile(source)

    def _constant(self, tree: Tree) -> Compiled:
        return from_constant(_literal(tree), tree.offset)

    def _focus(self, _tree: nodes.Focus) -> Compiled:
        return IDENTITY

    def _variable(self, tree: nodes.Variable) -> Compiled:
        return compile_variable(tree.name, self.navigator.model, tree.offset)

    def _special(self, tree: nodes.Special) -> Compiled:
        read = _SPECIALS[tree.name]
        return from_many(read, tree.offset, reads_scope=True)

    def _member(self, tree: nodes.Member) -> Compiled:
        model = self.navigator.model
        if tree.source is None and tree.name[:1].isupper() and model.is_type(tree.name):
            name = TypeName(None, tree.name, offset=tree.offset)
            is_root = type_test(name, model, exact_primitives=False)
            return compile_root_type(is_root, tree.offset)
        members = self.navigator.member(tree.name)
        return compile_member(self._source(tree.source), members, tree.offset)

    def _index(self, tree: nodes.Index) -> Compiled:
        return compile_index(self.compile(tree.source), self.compile(tree.index), tree.offset)

    def _unary(self, tree: nodes.Unary) -> Compiled:
        return compile_sign(self.compile(tree.operand), tree.operator, tree.offset)

    def _binary(self, tree: nodes.Binary) -> Compiled:
        build = OPERATORS[tree.operator]
        return build(self.compile(tree.left), self.compile(tree.right), tree.offset)

    def _type_operation(self, tree: nodes.TypeOperation) -> Compiled:
        operand = self.compile(tree.operand)
        is_type = self._type_test(tree.operator, tree.type)
        if tree.operator == "is":
            return compile_is(operand, is_type, tree.offset)
        return compile_as(operand, is_type, tree.offset, is_strict=self.is_strict)

    def _type_test(self, use: str, name: TypeName) -> IsType:
        return type_test(name, self.navigator.model, exact_primitives=use != "is")

    def _call(self, tree: nodes.Call) -> Compiled:
        entry = FUNCTIONS.get(tree.name)
        if entry is None:
            raise _unknown_function(tree)
        _check_arity(entry, tree)
        site = Site(
            name=tree.name,
            offset=tree.offset,
            source=self._source(tree.source),
            navigator=self.navigator,
            is_strict=self.is_strict,
        )
        return entry.compile(site, *self._arguments(entry, tree))

    def _arguments(self, entry: Function, tree: nodes.Call) -> list[Any]:
        kinds = list(entry.arguments)
        if entry.is_variadic:
            kinds = kinds[:-1] + [kinds[-1]] * (len(tree.arguments) - len(kinds) + 1)
        given = [
            self._argument(tree.name, kind, argument)
            for kind, argument in zip(kinds, tree.arguments, strict=False)
        ]
        return given + [None] * (len(kinds) - len(given))

    def _argument(self, name: str, kind: Argument, argument: Tree) -> Any:
        if kind is Argument.TYPE:
            return self._type_test(name, type_name(argument))
        if kind is Argument.SORT_KEY:
            if isinstance(argument, nodes.Unary) and argument.operator == "-":
                return self.compile(argument.operand), True
            return self.compile(argument), False
        return self.compile(argument)

    def _compile_definition(self, tree: Tree, call: nodes.Call) -> Compiled:
        """``x.defineVariable('n', v).rest``: run ``rest`` where ``%n`` is known."""
        _check_arity(_DEFINITION, call)
        source, name = self._source(call.source), self.compile(call.arguments[0]).constant
        if not name or not isinstance(name[0].value, str):
            raise Fault(
                "fhirpath-argument", call.offset, function=f"{DEFINE}()", found=call.arguments[0],
                expected="'name'",
            )  # fmt: skip
        variable = name[0].value
        value = None if len(call.arguments) == 1 else self.compile(call.arguments[1])
        rest = self.compile(_replaced(tree, call))

        def many(focus: Collection, scope: Scope) -> Collection:
            items = source.many(focus, scope)
            if variable in scope.variables or variable in _RESERVED:
                raise Fault("fhirpath-variable-defined", call.offset, found=variable)
            defined = items if value is None else value.many(items, scope)
            return rest.many(items, scope.with_variable(variable, defined))

        return from_many(many, call.offset, reads_scope=True)


def _is_of_resource(tree: Tree) -> bool:
    """Say whether it is a path from ``%resource``: the same for every item of an iteration.

    sdf-8a looks for the first element of a profile from each of its elements.
    """
    current: Tree | None = tree
    while isinstance(current, nodes.Member) or (
        isinstance(current, nodes.Call) and current.name in _STEADY and not current.arguments
    ):
        current = current.source
    is_resource = isinstance(current, nodes.Variable) and current.name in _RESOURCES
    return is_resource and current is not tree


_STEADY = frozenset({"first", "last", "tail", "children", "descendants", "distinct"})
_RESOURCES = frozenset({"resource", "rootResource"})
_RESERVED = frozenset({"context", "resource", "rootResource", "ucum", "sct", "loinc"})

_DEFINITION = Function(
    name=DEFINE,
    spec="STU defineVariable",
    arguments=(Argument.COLLECTION, Argument.EXPRESSION),
    required=1,
    compile=lambda site: site.source,
)


def _innermost_definition(tree: Tree) -> nodes.Call | None:
    """Find the ``defineVariable`` that a chain of steps runs first."""
    found = None
    current: Tree | None = tree
    while isinstance(current, nodes.Member | nodes.Call | nodes.Index):
        if isinstance(current, nodes.Call) and current.name == DEFINE:
            found = current
        current = current.source
    return found


def _replaced(tree: Tree, call: nodes.Call) -> Tree:
    """Put the input itself in the place of ``call`` at the bottom of a chain."""
    if tree is call:
        return nodes.Focus(offset=call.offset)
    if isinstance(tree, nodes.Member | nodes.Call | nodes.Index) and tree.source is not None:
        return replace(tree, source=_replaced(tree.source, call))
    return tree


def _check_arity(entry: Function, tree: nodes.Call) -> None:
    found, most = len(tree.arguments), len(entry.arguments)
    if found < entry.required or (found > most and not entry.is_variadic):
        expected = f"{entry.required}" if entry.required == most else f"{entry.required}-{most}"
        raise Fault(
            "fhirpath-arity", tree.offset, function=tree.name, expected=expected, found=found
        )


def _unknown_function(tree: nodes.Call) -> Fault:
    nearest = get_close_matches(tree.name, (*FUNCTIONS, DEFINE), n=1, cutoff=0.6)
    return Fault(
        "fhirpath-unknown-function",
        tree.offset,
        found=tree.name,
        expected=f"{nearest[0]}()" if nearest else "-",
    )


def _literal(tree: Tree) -> Collection:
    match tree:
        case nodes.Boolean(value=value) | nodes.String(value=value) | nodes.Number(value=value):
            return [wrap(value)]
        case nodes.Quantity(number=number, unit=unit, is_calendar=is_calendar):
            name = CALENDAR_UNITS[unit] if is_calendar else unit
            return [wrap(Quantity(Decimal(number.text), name, is_calendar))]
        case nodes.Temporal(text=text):
            return [wrap(_temporal(text, tree.offset))]
    return []


def _temporal(text: str, offset: int) -> Any:
    kind = "time" if text.startswith("T") else "dateTime" if "T" in text else "date"
    found = temporal(kind, text)
    if found is None:
        raise Fault("fhirpath-literal", offset, found=f"@{text}", expected="YYYY-MM-DDThh:mm:ss")
    return found


def _this(_focus: Collection, scope: Scope) -> Collection:
    return scope.this


def _index_of_item(_focus: Collection, scope: Scope) -> Collection:
    return [] if scope.index is None else [wrap(scope.index)]


def _total(_focus: Collection, scope: Scope) -> Collection:
    return scope.total or []


_SPECIALS = {"$this": _this, "$index": _index_of_item, "$total": _total}

_BUILDERS: dict[type, Callable[..., Compiled]] = {
    nodes.Empty: Compiler._constant,
    nodes.Boolean: Compiler._constant,
    nodes.String: Compiler._constant,
    nodes.Number: Compiler._constant,
    nodes.Quantity: Compiler._constant,
    nodes.Temporal: Compiler._constant,
    nodes.Focus: Compiler._focus,
    nodes.Variable: Compiler._variable,
    nodes.Special: Compiler._special,
    nodes.Member: Compiler._member,
    nodes.Call: Compiler._call,
    nodes.Index: Compiler._index,
    nodes.Unary: Compiler._unary,
    nodes.Binary: Compiler._binary,
    nodes.TypeOperation: Compiler._type_operation,
}
