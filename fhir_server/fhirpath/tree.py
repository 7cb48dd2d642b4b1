"""The tree of an expression; ``str(tree)`` prints it back, and parsing that gives the same tree.

Spec: http://hl7.org/fhirpath/N1/grammar.html
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset(
    {"and", "or", "xor", "implies", "div", "mod", "is", "as", "in", "contains", "true", "false"}
)
CALENDAR_UNITS = {
    f"{unit}{plural}": unit
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
}
"""Units that stand without quotes after a number, and their singular."""

_TO_ESCAPE = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "`": "\\`", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
)

PRECEDENCE = {
    "implies": 1,
    "or": 2, "xor": 2,
    "and": 3,
    "in": 4, "contains": 4,
    "=": 5, "~": 5, "!=": 5, "!~": 5,
    "<": 6, "<=": 6, ">": 6, ">=": 6,
    "|": 7,
    "is": 8, "as": 8,
    "+": 9, "-": 9, "&": 9,
    "*": 10, "/": 10, "div": 10, "mod": 10,
}  # fmt: skip
"""How tightly a binary operator binds (http://hl7.org/fhirpath/N1/#operator-precedence)."""

UNARY = 11
POSTFIX = 12


def quote(text: str, mark: str = "'") -> str:
    """Write ``text`` as a string literal, or as a delimited identifier with another mark."""
    return mark + text.translate(_TO_ESCAPE) + mark


def _identifier(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and name not in _WORDS else quote(name, "`")


@dataclass(frozen=True, slots=True)
class Empty:
    """``{}``."""

    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return "{}"


@dataclass(frozen=True, slots=True)
class Boolean:
    """``true`` or ``false``."""

    value: bool
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(frozen=True, slots=True)
class String:
    """A quoted text, escapes resolved."""

    value: str
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return quote(self.value)


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or a decimal, digits as written."""

    text: str
    offset: int = field(default=0, compare=False, kw_only=True)

    @property
    def value(self) -> int | Decimal:
        """The number: a ``Decimal`` where the text has a point."""
        return Decimal(self.text) if "." in self.text else int(self.text)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Temporal:
    """A date, dateTime or time as written behind ``@``: ``2024-05``, ``2024-05T``, ``T12:30``."""

    text: str
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return "@" + self.text


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit: a UCUM code, or a calendar unit that stands without quotes."""

    number: Number
    unit: str
    is_calendar: bool
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return f"{self.number} {self.unit if self.is_calendar else quote(self.unit)}"


@dataclass(frozen=True, slots=True)
class Variable:
    """``%name``."""

    name: str
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return "%" + (self.name if _PLAIN.fullmatch(self.name) else quote(self.name, "`"))


@dataclass(frozen=True, slots=True)
class Special:
    """``$this``, ``$index`` or ``$total``."""

    name: str
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Focus:
    """The input of the expression itself; no text stands for it, the compiler puts it in."""

    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return "$this"


@dataclass(frozen=True, slots=True)
class Member:
    """``source.name``, or ``name`` alone where ``source`` is None."""

    source: "Tree | None"
    name: str
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return _after(self.source) + _identifier(self.name)


@dataclass(frozen=True, slots=True)
class Call:
    """``source.name(arguments)``, or ``name(arguments)`` where ``source`` is None."""

    source: "Tree | None"
    name: str
    arguments: "tuple[Tree, ...]"
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        arguments = ", ".join(map(str, self.arguments))
        return f"{_after(self.source)}{_identifier(self.name)}({arguments})"


@dataclass(frozen=True, slots=True)
class Index:
    """``source[index]``."""

    source: "Tree"
    index: "Tree"
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return f"{_within(self.source, POSTFIX)}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Unary:
    """``-operand`` or ``+operand``."""

    operator: str
    operand: "Tree"
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return self.operator + _within(self.operand, UNARY)


@dataclass(frozen=True, slots=True)
class Binary:
    """``left operator right``."""

    operator: str
    left: "Tree"
    right: "Tree"
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        binding = PRECEDENCE[self.operator]
        left, right = _within(self.left, binding), _within(self.right, binding + 1)
        return f"{left} {self.operator} {right}"


@dataclass(frozen=True, slots=True)
class TypeOperation:
    """``operand is type`` or ``operand as type``."""

    operator: str
    operand: "Tree"
    type: "TypeName"
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        return f"{_within(self.operand, PRECEDENCE[self.operator])} {self.operator} {self.type}"


@dataclass(frozen=True, slots=True)
class TypeName:
    """``FHIR.Patient``, ``System.String``, ``Patient``."""

    namespace: str | None
    name: str
    offset: int = field(default=0, compare=False, kw_only=True)

    def __str__(self) -> str:
        name = _identifier(self.name)
        return name if self.namespace is None else f"{_identifier(self.namespace)}.{name}"


Tree = (
    Empty
    | Boolean
    | String
    | Number
    | Temporal
    | Quantity
    | Variable
    | Special
    | Focus
    | Member
    | Call
    | Index
    | Unary
    | Binary
    | TypeOperation
)


def _binding(tree: Tree) -> int:
    if isinstance(tree, Binary | TypeOperation):
        return PRECEDENCE[tree.operator]
    return UNARY if isinstance(tree, Unary) else POSTFIX


def _within(tree: Tree, binding: int) -> str:
    return str(tree) if _binding(tree) >= binding else f"({tree})"


def _after(source: Tree | None) -> str:
    return "" if source is None else _within(source, POSTFIX) + "."


def children(tree: Tree) -> tuple[Tree, ...]:
    """Return the nodes one level down, in the order of the text."""
    match tree:
        case Member(source=source):
            return () if source is None else (source,)
        case Call(source=source, arguments=arguments):
            return arguments if source is None else (source, *arguments)
        case Index(source=source, index=index):
            return (source, index)
        case Unary(operand=operand) | TypeOperation(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
    return ()


def height(tree: Tree) -> int:
    """Count the nodes that lie inside each other; no recursion, so any tree can be asked."""
    level, count = [tree], 0
    while level:
        level = [child for node in level for child in children(node)]
        count += 1
    return count
