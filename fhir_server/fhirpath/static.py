"""What is wrong with an expression, told before it runs, where the type of its focus is known.

It finds elements that a type does not have, text functions on what is no text, and positions in
collections without order. Where types are not known (`resolve()`, `%variables`, abstract types)
nothing is said.

Spec: http://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from fhir_server.fhirpath import tree as nodes
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.functions import FUNCTIONS, SAME, Argument
from fhir_server.fhirpath.navigation import Navigator, Step
from fhir_server.fhirpath.tree import Tree, TypeName
from fhir_server.fhirpath.types import SYSTEM_TYPES, type_name, type_test

Types = frozenset[str] | None
"""The types that items may have; None: nothing is known."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known about a collection."""

    types: Types = None
    is_ordered: bool = True


_UNKNOWN = Shape()


_BOOLEAN = Shape(frozenset({"System.Boolean"}))
_STRING = Shape(frozenset({"System.String"}))
_LITERALS: Mapping[type, Shape] = MappingProxyType(
    {
        nodes.String: _STRING,
        nodes.Boolean: _BOOLEAN,
        nodes.Number: Shape(frozenset({"System.Integer", "System.Decimal"})),
        nodes.Quantity: Shape(frozenset({"System.Quantity"})),
    }
)

_NOT_TEXT = frozenset({"boolean", "integer", "positiveInt", "unsignedInt", "decimal"})
_ABSTRACT = frozenset({"Resource", "DomainResource", "Element", "BackboneElement"})
_TEXT = "System.String"


class Checker:
    """Walks over a tree with the types it can meet.

    Args:
        navigator: Steps and types of the release.
        context_type: The type of the focus.
    """

    def __init__(self, navigator: Navigator, context_type: str) -> None:
        self._navigator = navigator
        self._model = navigator.model
        self._root = Shape(frozenset({context_type}))

    def check(self, tree: Tree) -> None:
        """Check a whole expression.

        Raises:
            Fault: Something in it cannot be meant.
        """
        self._shape(tree, self._root, self._root)

    def _shape(self, tree: Tree, focus: Shape, this: Shape) -> Shape:
        """Return what is known of the result; paths start at ``focus``, ``$this`` is ``this``."""
        if isinstance(tree, nodes.Call):
            return self._call(tree, focus, this)
        if isinstance(tree, nodes.Member):
            return self._member(tree, focus, this)
        if isinstance(tree, nodes.Binary):
            return self._binary(tree, focus, this)
        return self._other(tree, focus, this)

    def _other(self, tree: Tree, focus: Shape, this: Shape) -> Shape:
        match tree:
            case nodes.Index(source=source, index=index):
                self._shape(index, this, this)
                shape = self._shape(source, focus, this)
                return self._in_order(shape, "[]", tree.offset)
            case nodes.TypeOperation(operator=operator, operand=operand, type=name):
                shape = self._shape(operand, focus, this)
                return _BOOLEAN if operator == "is" else self._narrowed(shape, name)
            case nodes.Unary(operand=operand):
                return self._shape(operand, focus, this)
            case nodes.Special(name="$this"):
                return this
            case nodes.Variable(name="context"):
                return self._root
            case nodes.String() | nodes.Boolean() | nodes.Number() | nodes.Quantity():
                return _LITERALS[type(tree)]
        return _UNKNOWN

    def _binary(self, tree: nodes.Binary, focus: Shape, this: Shape) -> Shape:
        left = self._shape(tree.left, focus, this)
        right = self._shape(tree.right, focus, this)
        if tree.operator == "|":
            return _either(left, right)
        if tree.operator in {"+", "-", "*", "/", "div", "mod"}:
            return _UNKNOWN
        return _STRING if tree.operator == "&" else _BOOLEAN

    def _member(self, tree: nodes.Member, focus: Shape, this: Shape) -> Shape:
        if tree.source is None:
            if tree.name[:1].isupper() and self._model.is_type(tree.name):
                return self._root_type(tree, focus)
            source = focus
        else:
            source = self._shape(tree.source, focus, this)
        if source.types is None or source.types & _ABSTRACT:
            return replace(_UNKNOWN, is_ordered=source.is_ordered)
        found = {t for fhir_type in source.types for t in self._children(fhir_type, tree.name)}
        if not found and source.types:
            raise self._no_element(tree, source.types)
        return Shape(frozenset(found), source.is_ordered)

    def _root_type(self, tree: nodes.Member, focus: Shape) -> Shape:
        if focus.types is None:
            return _UNKNOWN
        is_root = type_test(TypeName(None, tree.name), self._model, exact_primitives=False)
        found = frozenset(t for t in focus.types if is_root(t) or t in _ABSTRACT)
        if not found and focus.types:
            raise self._no_element(tree, focus.types)
        return Shape(found)

    def _children(self, fhir_type: str, name: str) -> list[str]:
        steps = self._navigator.member(name)[fhir_type]
        if steps is None:
            return []
        return [s.fhir_type for s in ((steps,) if isinstance(steps, Step) else steps.values())]

    def _no_element(self, tree: nodes.Member, types: frozenset[str]) -> Fault:
        owners = sorted(types)
        names = [n for fhir_type in owners for n in self._model.element_names(fhir_type)]
        nearest = get_close_matches(tree.name, names, n=1, cutoff=0.4)
        return Fault(
            "fhirpath-unknown-element",
            tree.offset,
            type=" | ".join(owners),
            found=tree.name,
            expected=nearest[0] if nearest else "-",
        )

    def _call(self, tree: nodes.Call, focus: Shape, this: Shape) -> Shape:
        source = focus if tree.source is None else self._shape(tree.source, focus, this)
        results = self._arguments(tree, source, this)
        entry = FUNCTIONS.get(tree.name)
        if entry is None:  # defineVariable
            return source
        if entry.needs_order:
            self._in_order(source, f"{tree.name}()", tree.offset)
        if entry.takes_text:
            self._is_text(source, tree)
        special = _SPECIAL.get(tree.name)
        if special is not None:
            return special(self, tree, source, results)
        if entry.result is None:
            return _UNKNOWN
        return source if entry.result == SAME else Shape(frozenset({entry.result}))

    def _arguments(self, tree: nodes.Call, source: Shape, this: Shape) -> list[Shape]:
        entry = FUNCTIONS.get(tree.name)
        kinds = entry.arguments if entry is not None else (Argument.COLLECTION, Argument.EXPRESSION)
        results = []
        for position, argument in enumerate(tree.arguments):
            kind = kinds[min(position, len(kinds) - 1)]
            if kind is Argument.TYPE:
                continue
            at = this if kind is Argument.COLLECTION else source
            results.append(self._shape(argument, at, at))
        return results

    def _in_order(self, shape: Shape, function: str, offset: int) -> Shape:
        if not shape.is_ordered:
            raise Fault("fhirpath-order", offset, function=function)
        return shape

    def _is_text(self, source: Shape, tree: nodes.Call) -> None:
        """Refuse a text function on types of which none is text."""
        if source.types and not any(map(self._may_be_text, source.types)):
            raise Fault(
                "fhirpath-operand",
                tree.offset,
                function=f"{tree.name}()",
                found=" | ".join(sorted(source.types)),
                expected="String",
            )

    def _may_be_text(self, fhir_type: str) -> bool:
        if fhir_type.startswith("System."):
            return fhir_type == _TEXT
        return self._model.is_primitive(fhir_type) and fhir_type not in _NOT_TEXT

    def _narrowed(self, shape: Shape, name: TypeName) -> Shape:
        """Return what is left after ``as``; where that is nothing, the type that is asked for."""
        test = type_test(name, self._model, exact_primitives=True)
        kept = frozenset(t for t in shape.types or () if test(t))
        if kept:
            return replace(shape, types=kept)
        is_system = name.namespace == "System" or (
            not self._model.is_type(name.name) and name.name in SYSTEM_TYPES
        )
        wanted = f"System.{name.name}" if is_system else name.name
        return Shape(frozenset({wanted}), shape.is_ordered)


def _either(*shapes: Shape) -> Shape:
    """Return what is known of items that come from any of the shapes."""
    known: set[str] = set()
    is_ordered = all(shape.is_ordered for shape in shapes)
    for shape in shapes:
        if shape.types is None:
            return Shape(None, is_ordered)
        known |= shape.types
    return Shape(frozenset(known), is_ordered)


def _of_type(checker: Checker, tree: nodes.Call, source: Shape, _: list[Shape]) -> Shape:
    return checker._narrowed(source, type_name(tree.arguments[0]))


def _of_argument(_: Checker, _tree: nodes.Call, source: Shape, results: list[Shape]) -> Shape:
    return replace(results[0], is_ordered=source.is_ordered and results[0].is_ordered)


def _with_argument(_: Checker, _tree: nodes.Call, source: Shape, results: list[Shape]) -> Shape:
    return _either(source, results[0])


def _iif(_: Checker, _tree: nodes.Call, _source: Shape, results: list[Shape]) -> Shape:
    return _either(*results[1:])


def _repeat(checker: Checker, tree: nodes.Call, _: Shape, results: list[Shape]) -> Shape:
    """The projection must suit its own results too."""
    found = results[0]
    again = checker._shape(tree.arguments[0], found, found)
    return _either(found, again)


def _without_order(*_: Any) -> Shape:
    return Shape(None, is_ordered=False)


_SPECIAL: Mapping[str, Callable[[Checker, nodes.Call, Shape, list[Shape]], Shape]] = (
    MappingProxyType(
        {
            "ofType": _of_type,
            "as": _of_type,
            "select": _of_argument,
            "union": _with_argument,
            "combine": _with_argument,
            "iif": _iif,
            "repeat": _repeat,
            "repeatAll": _repeat,
            "children": _without_order,
            "descendants": _without_order,
        }
    )
)
