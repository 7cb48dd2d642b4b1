"""Tokens to a tree: a Pratt parser, bounded in length and depth.

Spec: http://hl7.org/fhirpath/N1/grammar.html
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.lexer import Token, tokens
from fhir_server.fhirpath.tree import (
    CALENDAR_UNITS,
    PRECEDENCE,
    UNARY,
    Binary,
    Boolean,
    Call,
    Empty,
    Index,
    Member,
    Number,
    Quantity,
    Special,
    String,
    Temporal,
    Tree,
    TypeName,
    TypeOperation,
    Unary,
    Variable,
    height,
)

MAX_LENGTH = 20_000
MAX_NESTING = 50
"""Brackets and arguments inside each other."""
MAX_HEIGHT = 120
"""Nodes inside each other. The highest of R4's own expressions, a union of 32 paths, has 36."""

MAX_DIGITS = 40
"""Characters of a number, as in JSON (DESIGN 11)."""

_IDENTIFIERS = frozenset({"identifier", "delimited"})
_NOT_NAMES = frozenset({"and", "or", "xor", "implies", "div", "mod", "true", "false"})
_SPECIALS = frozenset({"$this", "$index", "$total"})


def parse(text: str) -> Tree:
    """Parse an expression.

    Raises:
        Fault: It is no FHIRPath, or longer or deeper than the limits.
    """
    if len(text) > MAX_LENGTH:
        raise Fault("fhirpath-too-long", MAX_LENGTH, expected=MAX_LENGTH)
    parser = _Parser(text)
    tree = parser.expression(0, 0)
    parser.expect_end()
    if height(tree) > MAX_HEIGHT:
        raise Fault("fhirpath-too-deep", tree.offset, expected=MAX_HEIGHT)
    return tree


class _Parser:
    """One token of look-ahead over the text."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._token = next(self._tokens)

    def expect_end(self) -> None:
        """Refuse whatever stands behind the expression."""
        if self._token.kind != "end":
            raise self._unexpected("operator | EOF")

    def expression(self, binding: int, depth: int) -> Tree:
        """Read an expression whose operators bind tighter than ``binding``."""
        left = self._unary(depth)
        while (power := self._infix_power()) > binding:
            token = self._take()
            if token.text in {"is", "as"}:
                left = TypeOperation(token.text, left, self._type_name(), offset=token.offset)
            else:
                right = self.expression(power, depth + 1)
                left = Binary(token.text, left, right, offset=token.offset)
        return left

    def _infix_power(self) -> int:
        kind, text, _ = self._token
        return PRECEDENCE.get(text, 0) if kind in {"symbol", "identifier"} else 0

    def _unary(self, depth: int) -> Tree:
        self._check_depth(depth)
        if self._token.kind == "symbol" and self._token.text in {"+", "-"}:
            token = self._take()
            return Unary(token.text, self.expression(UNARY - 1, depth + 1), offset=token.offset)
        return self._postfix(self._term(depth), depth)

    def _postfix(self, tree: Tree, depth: int) -> Tree:
        while self._token.kind == "symbol" and self._token.text in {".", "["}:
            token = self._take()
            if token.text == "[":
                tree = Index(tree, self.expression(0, depth + 1), offset=token.offset)
                self._symbol("]")
            else:
                tree = self._invocation(tree, depth)
        return tree

    def _invocation(self, source: Tree | None, depth: int) -> Tree:
        token = self._token
        if token.kind == "special" and source is not None:
            # `Patient.$this` is what the grammar allows and means nothing but `$this`.
            return self._special()
        if token.kind not in _IDENTIFIERS:
            raise self._unexpected("identifier")
        self._take()
        if not self._at("("):
            return Member(source, token.text, offset=token.offset)
        arguments = self._arguments(depth)
        return Call(source, token.text, arguments, offset=token.offset)

    def _arguments(self, depth: int) -> tuple[Tree, ...]:
        self._take()
        arguments: list[Tree] = []
        while not self._at(")"):
            if arguments:
                self._symbol(",")
            arguments.append(self.expression(0, depth + 1))
        self._take()
        return tuple(arguments)

    def _term(self, depth: int) -> Tree:
        kind, text, offset = self._token
        if kind == "symbol" and text == "(":
            self._take()
            inner = self.expression(0, depth + 1)
            self._symbol(")")
            return inner
        if kind == "symbol" and text == "{":
            self._take()
            self._symbol("}")
            return Empty(offset=offset)
        if kind == "number":
            return self._number()
        if kind == "special":
            return self._special()
        if kind in _LITERALS or (kind == "identifier" and text in {"true", "false"}):
            self._take()
            return _LITERALS.get(kind, _boolean)(text, offset)
        if kind == "delimited" or (kind == "identifier" and text not in _NOT_NAMES):
            return self._invocation(None, depth)
        raise self._unexpected("term")

    def _number(self) -> Tree:
        token = self._take()
        if len(token.text) > MAX_DIGITS:
            found, expected = f"{token.text[:20]}…", f"<= {MAX_DIGITS}"
            raise Fault("fhirpath-literal", token.offset, found=found, expected=expected)
        number = Number(token.text, offset=token.offset)
        kind, text, _ = self._token
        if kind == "string" or (kind == "identifier" and text in CALENDAR_UNITS):
            self._take()
            return Quantity(number, text, kind != "string", offset=token.offset)
        return number

    def _special(self) -> Tree:
        if self._token.text not in _SPECIALS:
            raise self._unexpected("$this, $index, $total")
        token = self._take()
        return Special(token.text, offset=token.offset)

    def _type_name(self) -> TypeName:
        first = self._name()
        if not self._at("."):
            return TypeName(None, first.text, offset=first.offset)
        self._take()
        return TypeName(first.text, self._name().text, offset=first.offset)

    def _name(self) -> Token:
        if self._token.kind not in _IDENTIFIERS:
            raise self._unexpected("type")
        return self._take()

    def _at(self, symbol: str) -> bool:
        return self._token.kind == "symbol" and self._token.text == symbol

    def _symbol(self, symbol: str) -> None:
        if not self._at(symbol):
            raise self._unexpected(symbol)
        self._take()

    def _take(self) -> Token:
        token = self._token
        if token.kind == "end":
            raise self._unexpected("term")
        self._token = next(self._tokens)
        return token

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_NESTING:
            offset = self._token.offset
            raise Fault("fhirpath-too-deep", offset, expected=MAX_NESTING)

    def _unexpected(self, expected: str) -> Fault:
        kind, text, offset = self._token
        found = "EOF" if kind == "end" else repr(text)
        return Fault("fhirpath-syntax", offset, found=found, expected=expected)


def _boolean(text: str, offset: int) -> Tree:
    return Boolean(text == "true", offset=offset)


_LITERALS: Mapping[str, Callable[[str, int], Tree]] = MappingProxyType(
    {
        "string": lambda text, offset: String(text, offset=offset),
        "temporal": lambda text, offset: Temporal(text[1:], offset=offset),
        "variable": lambda text, offset: Variable(text, offset=offset),
    }
)
