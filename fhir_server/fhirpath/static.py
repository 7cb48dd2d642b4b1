"""What is wrong with an expression, told before it runs, where the type of its focus is known.

It finds elements that a type does not have, operands and inputs of the wrong kind, positions in
collections without order, and comparisons and types that can never hold. Where types are not known
(`resolve()`, abstract types) nothing is said.

Spec: http://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType

from fhir_server.fhirpath import tree as nodes
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.functions import FUNCTIONS, SAME, Argument, Function
from fhir_server.fhirpath.navigation import Navigator, Step
from fhir_server.fhirpath.operand_check import operand_fault, result_of
from fhir_server.fhirpath.shape import (
    BOOLEAN,
    INTEGER,
    STRING,
    UNKNOWN,
    Shape,
    either,
    of_literal,
    of_system,
)
from fhir_server.fhirpath.static_input import input_faults
from fhir_server.fhirpath.tree import Tree, TypeName
from fhir_server.fhirpath.types import SYSTEM_TYPES, type_name, type_test

_ABSTRACT = frozenset({"Resource", "DomainResource", "Element", "BackboneElement"})
_RESOURCE_VARIABLES = frozenset({"resource", "context"})
_TEXT_VARIABLES = frozenset({"ucum", "sct", "loinc", "us-zip"})
_REMARKS = frozenset({"fhirpath-never-equal", "fhirpath-never-of-type"})
"""What can be meant, though it never holds."""


class Checker:
    """Walks over a tree with the types it can meet.

    Args:
        navigator: Steps and types of the release.
        context_types: The types the focus may have; none: nothing is known.
        variables: Names of further ``%name`` with their type, None where it is not known; without
            them no variable is called unknown.

    Attributes:
        faults: What was found, in the order of the walk.
    """

    def __init__(
        self,
        navigator: Navigator,
        context_types: Collection[str],
        variables: Mapping[str, str | None] | None = None,
    ) -> None:
        self._navigator = navigator
        self._model = navigator.model
        self._root = Shape(frozenset(context_types) or None, is_single=True)
        self._knows_variables = variables is not None
        self._variables = {
            name: UNKNOWN if fhir_type is None else Shape(frozenset({fhir_type}))
            for name, fhir_type in (variables or {}).items()
        }
        self._shapes: dict[int, Shape] = {}
        self.faults: list[Fault] = []

    def check(self, tree: Tree) -> Shape:
        """Check a whole expression and return what is known of its result."""
        return self.shape(tree, self._root, self._root)

    def first_error(self) -> Fault | None:
        """Return the first fault that is more than a remark; None: there is none."""
        return next((fault for fault in self.faults if fault.rule not in _REMARKS), None)

    def shape_of(self, node: Tree) -> Shape | None:
        """Return what the walk learned of one node; None: it did not come there."""
        return self._shapes.get(id(node))

    def shape(self, tree: Tree, focus: Shape, this: Shape) -> Shape:
        """Return what is known of the result; paths start at ``focus``, ``$this`` is ``this``."""
        found = self._shape(tree, focus, this)
        self._shapes[id(tree)] = found
        return found

    def _shape(self, tree: Tree, focus: Shape, this: Shape) -> Shape:
        match tree:
            case nodes.Call():
                return self._call(tree, focus, this)
            case nodes.Member():
                return self._member(tree, focus, this)
            case nodes.Binary():
                return self._binary(tree, focus, this)
            case nodes.Variable(name=name):
                return self._variable(name, tree.offset)
        return of_literal(tree) or self._other(tree, focus, this)

    def _other(self, tree: Tree, focus: Shape, this: Shape) -> Shape:
        match tree:
            case nodes.Index(source=source, index=index):
                self.shape(index, this, this)
                return self._in_order(self.shape(source, focus, this), "[]", tree.offset).alone()
            case nodes.TypeOperation(operator=operator, operand=operand, type=name):
                shape = self.shape(operand, focus, this)
                narrowed = self._narrowed(shape, name, exact_primitives=operator != "is")
                return BOOLEAN if operator == "is" else narrowed
            case nodes.Unary(operand=operand):
                return self.shape(operand, focus, this)
            case nodes.Special(name="$this"):
                return this
            case nodes.Special(name="$index"):
                return INTEGER
        return UNKNOWN

    def _variable(self, name: str, offset: int) -> Shape:
        found = self._variables.get(name)
        if found is not None:
            return found
        if name in _TEXT_VARIABLES or name.startswith(("vs-", "ext-")):
            return STRING
        if name in _RESOURCE_VARIABLES:
            return self._root if name == "context" else self._resource()
        if self._knows_variables and name != "rootResource":
            self.faults.append(Fault("fhirpath-unknown-variable", offset, found=name))
        return UNKNOWN

    def _resource(self) -> Shape:
        """The resource around the focus: known where the focus is one or lies in one."""
        names = {fhir_type.partition(".")[0] for fhir_type in self._root.types or ()}
        if len(names) == 1 and all(map(self._model.is_resource, names)) and names - _ABSTRACT:
            return Shape(frozenset(names), is_single=True)
        return UNKNOWN

    def _binary(self, tree: nodes.Binary, focus: Shape, this: Shape) -> Shape:
        left = self.shape(tree.left, focus, this)
        right = self.shape(tree.right, focus, this)
        fault = operand_fault(tree, left, right, self._model)
        if fault is not None:
            self.faults.append(fault)
        return result_of(tree.operator, left, right, self._model)

    def _member(self, tree: nodes.Member, focus: Shape, this: Shape) -> Shape:
        if tree.source is None:
            if tree.name[:1].isupper() and self._model.is_type(tree.name):
                return self._root_type(tree, focus)
            source = focus
        else:
            source = self.shape(tree.source, focus, this)
        if source.types is None or source.types & _ABSTRACT:
            return Shape(is_ordered=source.is_ordered)
        found = {t for fhir_type in source.types for t in self._children(fhir_type, tree.name)}
        if not found and source.types:
            self.faults.append(self._no_element(tree, source.types))
            return UNKNOWN
        return Shape(
            frozenset(found),
            source.is_ordered,
            source.is_single and not self._repeats(source.types, tree.name),
        )

    def _root_type(self, tree: nodes.Member, focus: Shape) -> Shape:
        if focus.types is None:
            return UNKNOWN
        is_root = type_test(TypeName(None, tree.name), self._model, exact_primitives=False)
        found = frozenset(t for t in focus.types if is_root(t) or t in _ABSTRACT)
        if not found and focus.types:
            self.faults.append(self._no_element(tree, focus.types))
            return UNKNOWN
        return focus.of(found)

    def _children(self, fhir_type: str, name: str) -> list[str]:
        steps = self._navigator.member(name)[fhir_type]
        if steps is None:
            return []
        return [s.fhir_type for s in ((steps,) if isinstance(steps, Step) else steps.values())]

    def _repeats(self, types: frozenset[str], name: str) -> bool:
        elements = (self._model.element(fhir_type, name) for fhir_type in types)
        return any(element is not None and element.is_collection for element in elements)

    def _no_element(self, tree: nodes.Member, types: frozenset[str]) -> Fault:
        owners = sorted(types)
        names = [n for fhir_type in owners for n in self._model.element_names(fhir_type)]
        nearest = get_close_matches(tree.name, names, n=1, cutoff=0.6)
        chosen = next(filter(None, (self._choice(t, tree.name) for t in owners)), None)
        return Fault(
            "fhirpath-unknown-element",
            tree.offset,
            type=" | ".join(owners),
            found=tree.name,
            expected=chosen or (nearest[0] if nearest else "-"),
        )

    def _choice(self, fhir_type: str, name: str) -> str | None:
        """FHIRPath calls ``valueQuantity`` of the JSON ``value``, ``value.ofType(Quantity)``."""
        for element_name in self._model.element_names(fhir_type):
            element = self._model.element(fhir_type, element_name)
            if element is None or not element.is_choice or not name.startswith(element_name):
                continue
            for declared in element.types:
                if name == element_name + declared[0].upper() + declared[1:]:
                    return f"{element_name}.ofType({declared})"
        return None

    def _call(self, tree: nodes.Call, focus: Shape, this: Shape) -> Shape:
        source = focus if tree.source is None else self.shape(tree.source, focus, this)
        results = self._arguments(tree, source, this)
        entry = FUNCTIONS.get(tree.name)
        if entry is None:
            return self._definition(tree, source, results)
        if entry.needs_order:
            self._in_order(source, f"{tree.name}()", tree.offset)
        self.faults.extend(input_faults(entry, tree, source, results, self._model))
        if tree.name in _UNORDERED:
            return Shape(None, is_ordered=False)
        special = _SPECIAL.get(tree.name)
        if special is not None and len(tree.arguments) >= entry.required:
            return special(self, tree, source, results)
        return _plain_result(entry, source)

    def _definition(self, tree: nodes.Call, source: Shape, results: list[Shape]) -> Shape:
        """Remember what ``defineVariable('name', value)`` defines; other names are no functions."""
        if tree.arguments and isinstance(tree.arguments[0], nodes.String):
            value = results[1] if len(results) > 1 else source
            self._variables[tree.arguments[0].value] = value
        return source

    def _arguments(self, tree: nodes.Call, source: Shape, this: Shape) -> list[Shape]:
        entry = FUNCTIONS.get(tree.name)
        kinds = entry.arguments if entry is not None else (Argument.COLLECTION, Argument.EXPRESSION)
        results = []
        for argument, kind in zip(tree.arguments, _endless(kinds), strict=False):
            if kind is Argument.TYPE:
                continue
            at = this if kind is Argument.COLLECTION else source.alone()
            results.append(self.shape(argument, at, at))
        return results

    def _in_order(self, shape: Shape, function: str, offset: int) -> Shape:
        if not shape.is_ordered:
            self.faults.append(Fault("fhirpath-order", offset, function=function))
        return shape

    def _narrowed(self, shape: Shape, name: TypeName, *, exact_primitives: bool) -> Shape:
        """Return what is left of a type; where that is nothing, the type that is asked for."""
        try:
            test = type_test(name, self._model, exact_primitives=exact_primitives)
        except Fault as fault:
            self.faults.append(fault)
            return UNKNOWN
        kept = frozenset(t for t in shape.types or () if test(t))
        if kept:
            return shape.of(kept)
        if shape.types and not self._may_become(shape.types, name):
            found = " | ".join(sorted(shape.types))
            self.faults.append(
                Fault("fhirpath-never-of-type", name.offset, found=found, expected=name)
            )
        is_system = name.namespace == "System" or (
            not self._model.is_type(name.name) and name.name in SYSTEM_TYPES
        )
        return shape.of(frozenset({f"System.{name.name}" if is_system else name.name}))

    def _may_become(self, types: frozenset[str], name: TypeName) -> bool:
        """Whether an item of one of the types may be of a narrower type of that name."""
        above: str | None = name.name
        while above is not None:
            if above in types:
                return True
            above = self._model.base_type(above)
        return False

    def of_type(self, shape: Shape, argument: Tree) -> Shape:
        """Return what ``ofType()`` and ``as()`` leave."""
        try:
            return self._narrowed(shape, type_name(argument), exact_primitives=True)
        except Fault as fault:
            self.faults.append(fault)
            return UNKNOWN


def _endless(kinds: tuple[Argument, ...]) -> tuple[Argument, ...]:
    """The last kind repeats; sixteen arguments are more than any function takes."""
    return kinds + kinds[-1:] * 16


def _plain_result(entry: Function, source: Shape) -> Shape:
    if entry.result is None:
        return UNKNOWN
    if entry.result == SAME:
        return source.alone() if entry.name in _ONE else source
    if entry.result.startswith("System."):
        is_many = entry.name in _MANY and not source.is_single
        return replace(of_system(entry.result.removeprefix("System.")), is_single=not is_many)
    return Shape(frozenset({entry.result}))


_ONE = frozenset({"first", "last", "single"})
_UNORDERED = frozenset({"children", "descendants"})
_MANY = frozenset({"split", "toChars", "type"})

_Special = Callable[[Checker, nodes.Call, Shape, list[Shape]], Shape]


def _of_type(checker: Checker, tree: nodes.Call, source: Shape, _: list[Shape]) -> Shape:
    return checker.of_type(source, tree.arguments[0])


def _is(checker: Checker, tree: nodes.Call, source: Shape, _: list[Shape]) -> Shape:
    try:
        checker._narrowed(source, type_name(tree.arguments[0]), exact_primitives=False)
    except Fault as fault:
        checker.faults.append(fault)
    return BOOLEAN


def _of_argument(_: Checker, _tree: nodes.Call, source: Shape, results: list[Shape]) -> Shape:
    found = results[0]
    return Shape(
        found.types, source.is_ordered and found.is_ordered, source.is_single and found.is_single
    )


def _with_argument(_: Checker, _tree: nodes.Call, source: Shape, results: list[Shape]) -> Shape:
    return either(source, results[0])


def _iif(_: Checker, _tree: nodes.Call, _source: Shape, results: list[Shape]) -> Shape:
    found = either(*results[1:])
    return replace(found, is_single=all(result.is_single for result in results[1:]))


def _repeat(checker: Checker, tree: nodes.Call, _: Shape, results: list[Shape]) -> Shape:
    """The projection meets its own results too, where an element may be missing."""
    found, known = results[0], len(checker.faults)
    again = checker.shape(tree.arguments[0], found.alone(), found.alone())
    del checker.faults[known:]
    return either(found, again) if again.types is not None else found


_SPECIAL: Mapping[str, _Special] = MappingProxyType(
    {
        "ofType": _of_type,
        "as": _of_type,
        "is": _is,
        "select": _of_argument,
        "union": _with_argument,
        "combine": _with_argument,
        "iif": _iif,
        "repeat": _repeat,
        "repeatAll": _repeat,
    }
)
