"""What a function is: an entry of the table and a compiler.

Spec: http://hl7.org/fhirpath/N1/#functions
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from fhir_server.fhirpath.compiled import Collection, Compiled, from_many, from_truth, single
from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.navigation import Navigator
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.value import plain, wrap_all


class Argument(Enum):
    """How an argument is handed to the compiler of a function."""

    EXPRESSION = "evaluated by the function, for each item"
    COLLECTION = "evaluated once, on $this"
    TYPE = "the name of a type"
    SORT_KEY = "an expression; a minus before it turns the order around, for strings and dates too"


EXPRESSION, COLLECTION, TYPE = Argument.EXPRESSION, Argument.COLLECTION, Argument.TYPE
SORT_KEY = Argument.SORT_KEY

SortKey = tuple[Compiled, bool]
"""An expression, and whether the order is turned around."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The place of a call in an expression.

    Attributes:
        name: The function.
        offset: Where it stands.
        source: What it is applied to.
        navigator: Steps and types of the release.
        is_strict: Whether what the specification calls an error stops the evaluation even where
            R4's own invariants rely on leniency.
    """

    name: str
    offset: int
    source: Compiled
    navigator: Navigator
    is_strict: bool

    def fault(self, found: object, expected: object) -> Fault:
        """Return the fault of an item that the function does not take."""
        return Fault(
            "fhirpath-operand",
            self.offset,
            function=f"{self.name}()",
            found=found,
            expected=expected,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """An entry of the table.

    Attributes:
        name: As it is called.
        spec: Section of the specification.
        arguments: What each argument is.
        required: How many arguments must be given.
        compile: Gets the site and one compiled argument (None where it is left out) for each entry
            of ``arguments``.
        is_variadic: Whether the last argument may repeat.
        result: The type of the result, `SAME` for that of the input; None: it depends on more.
        takes: What the input must be; None: the function says at run time.
        argument_takes: The same of its arguments, where they are values.
        needs_order: Whether the input must have an order.
    """

    name: str
    spec: str
    arguments: tuple[Argument, ...]
    required: int
    compile: Callable[..., Compiled]
    is_variadic: bool = False
    result: str | None = None
    takes: "Takes | None" = None
    argument_takes: tuple["Takes", ...] = ()
    needs_order: bool = False


_LONG_TEXT = 100
"""Characters that cost as much as one more item."""

BOOLEAN, STRING, WHOLE = "System.Boolean", "System.String", "System.Integer"
SAME = "same"


def function(
    name: str,
    *,
    spec: str,
    args: tuple[Argument, ...] = (),
    required: int | None = None,
    is_variadic: bool = False,
    result: str | None = None,
    needs_order: bool = False,
) -> Callable[[Callable[..., Compiled]], Function]:
    """Make a table entry of a compiler ``(site, *arguments) -> Compiled``."""

    def entry(build: Callable[..., Compiled]) -> Function:
        return Function(
            name=name,
            spec=spec,
            arguments=args,
            required=len(args) if required is None else required,
            compile=build,
            is_variadic=is_variadic,
            result=result,
            needs_order=needs_order,
        )

    return entry


@dataclass(frozen=True, slots=True)
class Takes:
    """A kind of value that a plain function works on.

    Attributes:
        label: Its name in messages.
        read: Gets it from a node; None where the node has no value; raises ValueError where it is
            of another kind.
    """

    label: str
    read: Callable[[Node], Any]


def _read_text(item: Node) -> str | None:
    """A FHIR date is text too: ``birthDate.startsWith('19')``."""
    value = item.value
    if value is None or isinstance(value, str):
        return value
    raise ValueError


def _read_number(item: Node) -> int | Decimal | None:
    value = plain(item)
    if value is None or (isinstance(value, int | Decimal) and not isinstance(value, bool)):
        return value
    raise ValueError


def _read_integer(item: Node) -> int | None:
    value = item.value
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError


def _read_measure(item: Node) -> int | Decimal | Quantity | None:
    value = plain(item)
    return value if isinstance(value, Quantity) else _read_number(item)


def _read_quantity(item: Node) -> Quantity | None:
    value = plain(item)
    if value is None or isinstance(value, Quantity):
        return value
    raise ValueError


TEXT = Takes("String", _read_text)
NUMBER = Takes("Integer, Decimal", _read_number)
INTEGER = Takes("Integer", _read_integer)
MEASURE = Takes("Integer, Decimal, Quantity", _read_measure)
QUANTITY = Takes("Quantity", _read_quantity)
ANYTHING = Takes("Any", plain)


def scalar(
    name: str,
    *,
    spec: str,
    takes: Takes,
    args: tuple[Takes, ...] = (),
    required: int | None = None,
    result: str | None = None,
) -> Callable[[Callable[..., Any]], Function]:
    """Make a table entry of a plain function from one value to one value or to a list of them.

    Empty in, empty out; an argument that is given but empty makes the result empty too, and so
    does an overflow. The function returns None for empty and raises ValueError, with what it
    expects, for an argument it cannot use.

    Args:
        name: As it is called.
        spec: Section of the specification.
        takes: The input.
        args: The arguments.
        required: How many arguments must be given; all unless said.
        result: The type of its value, where that is always the same.
    """

    def entry(compute: Callable[..., Any]) -> Function:
        def build(site: Site, *arguments: Compiled | None) -> Compiled:
            given = [
                _reader(argument, kind, site)
                for argument, kind in zip(arguments, args, strict=True)
                if argument is not None
            ]
            answer = _answer(site, compute, takes, given)
            reads_scope = site.source.reads_scope or any(
                argument is not None and argument.constant is None for argument in arguments
            )
            if result == BOOLEAN:
                return from_truth(answer, reads_scope=reads_scope)

            def many(focus: Collection, scope: Scope) -> Collection:
                found = wrap_all(answer(focus, scope))
                scope.run.spend(len(found), site.offset)
                return found

            return from_many(many, site.offset, reads_scope=reads_scope)

        return Function(
            name=name,
            spec=spec,
            arguments=(COLLECTION,) * len(args),
            required=len(args) if required is None else required,
            compile=build,
            result=result,
            takes=None if takes is ANYTHING else takes,
            argument_takes=args,
        )

    return entry


def _answer(
    site: Site, compute: Callable[..., Any], takes: Takes, given: list[Callable[[Scope], Any]]
) -> Callable[[Collection, Scope], Any]:
    """Return the function's value as Python has it; None is empty."""
    source, offset, name = site.source.many, site.offset, f"{site.name}()"
    read, label = takes.read, takes.label

    def answer(focus: Collection, scope: Scope) -> Any:
        items = source(focus, scope)
        if not items:
            return None
        if len(items) > 1:
            raise Fault("fhirpath-singleton", offset, function=name, found=len(items))
        try:
            value = read(items[0])
        except ValueError:
            raise site.fault(items[0].fhir_type, label) from None
        if value.__class__ is str and len(value) > _LONG_TEXT:
            scope.run.spend(len(value) // _LONG_TEXT, offset)
        values = [argument(scope) for argument in given]
        if value is None or None in values:
            return None
        try:
            return compute(value, *values)
        except ArithmeticError:
            return None
        except ValueError as error:
            raise Fault(
                "fhirpath-argument", offset, function=name, found=values, expected=error
            ) from error

    return answer


def _reader(argument: Compiled, kind: Takes, site: Site) -> Callable[[Scope], Any]:
    """Return how to get an argument's value; that of a literal is read once."""
    many, offset, name = argument.many, site.offset, f"{site.name}()"

    def value(items: Collection) -> Any:
        item = single(items, offset, name)
        if item is None:
            return None
        try:
            return kind.read(item)
        except ValueError:
            raise site.fault(item.fhir_type, kind.label) from None

    if argument.constant is not None:
        known = value(argument.constant)
        return lambda _scope: known
    return lambda scope: value(many(scope.this, scope))
