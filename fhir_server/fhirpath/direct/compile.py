"""A tree to a truth straight over JSON, as far as the type of the focus says what it means.

What cannot be known beforehand (``resolve()``, ``%resource`` in criteria, arithmetic) is left to
the general evaluation: one operand of ``and``, ``or``, ``implies`` where the others are plain,
else the whole expression.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from fhir_server.fhirpath import pattern
from fhir_server.fhirpath import tree as nodes
from fhir_server.fhirpath.compiled import Compiled
from fhir_server.fhirpath.direct import source as paths
from fhir_server.fhirpath.direct import truth as truths
from fhir_server.fhirpath.direct.source import Source, Truth
from fhir_server.fhirpath.environment import Env, Run, Scope
from fhir_server.fhirpath.navigation import Navigator
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.tree import Tree
from fhir_server.fhirpath.types import type_name, type_test

_TEXTS = frozenset(
    ("string", "code", "uri", "url", "canonical", "id", "markdown", "oid", "uuid", "xhtml")
)
_MOMENTS = frozenset(("date", "dateTime", "instant"))
_ORDERS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
_DECIDE: dict[str, Callable[[int | Decimal], Callable[[Any], bool]]] = {
    "=": lambda limit: lambda number: bool(number == limit),
    "<": lambda limit: lambda number: bool(number < limit),
    "<=": lambda limit: lambda number: bool(number <= limit),
    ">": lambda limit: lambda number: bool(number > limit),
    ">=": lambda limit: lambda number: bool(number >= limit),
}
_NUMBERS = frozenset(("decimal", "integer", "positiveInt", "unsignedInt"))
_LOGIC = {
    "and": truths.and_,
    "or": truths.or_,
    "implies": truths.implies,
    "xor": truths.xor,
}


_RESOURCE = nodes.Variable("resource")


class _NotPlain(Exception):
    """The general evaluation must do it."""


class DirectCompiler:
    """Compiles for a focus of one type.

    Args:
        fhir_type: Of the focus.
        navigator: Steps and types of the release.
        general: Compiles what is left to the general evaluation.
    """

    def __init__(
        self, fhir_type: str, navigator: Navigator, general: Callable[[Tree], Compiled]
    ) -> None:
        self._fhir_type = fhir_type
        self._navigator = navigator
        self._general = general

    def compile(self, tree: Tree) -> Truth | None:
        """Return the truth of an expression over JSON; None: nothing of it is plain."""
        try:
            return self._truth(tree, self._fhir_type, is_root=True)
        except _NotPlain:
            return None

    # -- truths

    def _truth(self, tree: Tree, fhir_type: str, *, is_root: bool = False) -> Truth:
        if isinstance(tree, nodes.Binary):
            return self._binary(tree, fhir_type, is_root=is_root)
        if isinstance(tree, nodes.Call):
            build = _CALLS.get(tree.name)
            if build is not None:
                return build(self, tree, fhir_type)
        return truths.single(self._source(tree, fhir_type))

    def _binary(self, tree: nodes.Binary, fhir_type: str, *, is_root: bool) -> Truth:
        logic = _LOGIC.get(tree.operator)
        if logic is not None:
            merged = self._alternatives(tree, fhir_type)
            if merged is not None:
                return merged
            return self._logic(logic, tree, fhir_type, is_root=is_root)
        if tree.operator in {"=", "!="}:
            equal = self._equal(tree, fhir_type)
            return equal if tree.operator == "=" else truths.not_(equal)
        if tree.operator in _ORDERS:
            return self._ordered(tree, fhir_type)
        if tree.operator == "in":
            texts = frozenset(_listed(tree.right))
            return truths.on_text(self._text(tree.left, fhir_type), texts.__contains__)
        raise _NotPlain

    def _logic(
        self,
        logic: Callable[[Truth, Truth], Truth],
        tree: nodes.Binary,
        fhir_type: str,
        *,
        is_root: bool,
    ) -> Truth:
        """Compile both sides; one of them may be general where the focus is the whole input."""
        sides: list[Truth] = []
        plain = 0
        for side in (tree.left, tree.right):
            try:
                sides.append(self._truth(side, fhir_type, is_root=is_root))
                plain += 1
            except _NotPlain:
                if not is_root:
                    raise
                sides.append(self._generally(side))
        if not plain:
            raise _NotPlain
        return logic(*sides)

    def _generally(self, tree: Tree) -> Truth:
        general, fhir_type = self._general(tree).truth, self._fhir_type

        def truth(value: Any, env: Env) -> bool | None:
            items = [Node(value, fhir_type)]
            return general(items, Scope(Run(env, items), items))

        return truth

    def _alternatives(self, tree: nodes.Binary, fhir_type: str) -> Truth | None:
        """``system = 'a' or system = 'b' or …``: one look at the property."""
        if tree.operator != "or":
            return None
        waiting: list[Tree] = [tree]
        paths_found: set[Tree] = set()
        texts: set[str] = set()
        while waiting:
            part = waiting.pop()
            if isinstance(part, nodes.Binary) and part.operator == "or":
                waiting += (part.left, part.right)
            elif (
                isinstance(part, nodes.Binary)
                and part.operator == "="
                and isinstance(part.right, nodes.String)
            ):
                paths_found.add(part.left)
                texts.add(part.right.value)
            else:
                return None
        if len(paths_found) != 1:
            return None
        return truths.equals_text(self._text(paths_found.pop(), fhir_type), frozenset(texts))

    def _equal(self, tree: nodes.Binary, fhir_type: str) -> Truth:
        left, right = tree.left, tree.right
        if isinstance(right, nodes.String):
            return truths.equals_text(self._text(left, fhir_type), frozenset((right.value,)))
        if isinstance(right, nodes.Boolean) and not _is_truth(left):
            return self._equals_boolean(left, right.value, fhir_type)
        if isinstance(right, nodes.Number):
            return self._counted(left, tree.operator.replace("!=", "="), right, fhir_type)
        if _is_truth(left) and _is_truth(right):
            return truths.same(self._truth(left, fhir_type), self._truth(right, fhir_type))
        raise _NotPlain

    def _equals_boolean(self, left: Tree, expected: bool, fhir_type: str) -> Truth:
        source = self._source(left, fhir_type)
        if source.fhir_type not in {"boolean", paths.MIXED}:
            raise _NotPlain
        return truths.equals_boolean(source, expected)

    def _counted(self, left: Tree, operator: str, right: nodes.Number, fhir_type: str) -> Truth:
        """Compare ``count()``, ``length()`` or a number of the resource with a literal."""
        limit = int(right.text) if right.text.isdigit() else Decimal(right.text)
        decide = _DECIDE[operator](limit)
        if isinstance(left, nodes.Call) and not left.arguments:
            if left.name == "count":
                return truths.counted(self._source(left.source, fhir_type), decide)
            if left.name == "length":
                return self._long(left.source, decide, fhir_type)
        source = self._source(left, fhir_type)
        if source.fhir_type not in _NUMBERS:
            raise _NotPlain
        return truths.on_number(source, decide)

    def _long(self, tree: Tree | None, decide: Callable[[int], bool], fhir_type: str) -> Truth:
        """Compare the length of a text; ``toString()`` of a text or date changes nothing."""
        if isinstance(tree, nodes.Call) and tree.name == "toString":
            source = self._source(tree.source, fhir_type)
            if source.fhir_type == "date":
                return truths.on_date(source, lambda text: decide(len(text)))
        else:
            source = self._source(tree, fhir_type)
        if source.fhir_type not in _TEXTS:
            raise _NotPlain
        return truths.on_text(source, lambda text: decide(len(text)))

    def _ordered(self, tree: nodes.Binary, fhir_type: str) -> Truth:
        if isinstance(tree.right, nodes.Number):
            return self._counted(tree.left, tree.operator, tree.right, fhir_type)
        one, other = self._moment(tree.left, fhir_type), self._moment(tree.right, fhir_type)
        return truths.before(one, other, _ORDERS[tree.operator])

    def _moment(self, tree: Tree, fhir_type: str) -> truths.Moment:
        match tree:
            case nodes.Call(name="today", source=None):
                return truths.today
            case nodes.Call(name="now", source=None):
                return truths.now
            case nodes.Binary(operator="-", left=left, right=nodes.Quantity() as span):
                return truths.earlier(self._moment(left, fhir_type), span)
        source = self._source(tree, fhir_type)
        if source.fhir_type not in _MOMENTS:
            raise _NotPlain
        return truths.moment(source.items, source.fhir_type)

    # -- paths

    def _source(self, tree: Tree | None, fhir_type: str) -> Source:
        if tree is None or isinstance(tree, nodes.Focus):
            return paths.focus(fhir_type)
        build = _PATHS.get(type(tree))
        made = None if build is None else build(self, tree, fhir_type)
        if made is None:
            raise _NotPlain
        return made

    def _special(self, tree: nodes.Special, fhir_type: str) -> Source | None:
        return paths.focus(fhir_type) if tree.name == "$this" else None

    def _member(self, tree: nodes.Member, fhir_type: str) -> Source | None:
        if tree.source is None and tree.name[:1].isupper():
            return paths.focus(fhir_type) if tree.name == fhir_type else None
        if tree.source == _RESOURCE:
            resource_type = self._fhir_type.partition(".")[0]
            return paths.of_resource(resource_type, tree.name, self._navigator)
        is_focus = tree.source is None or isinstance(tree.source, nodes.Special)
        source = self._source(tree.source, fhir_type)
        return paths.member(source, tree.name, self._navigator, is_focus=is_focus)

    def _call(self, tree: nodes.Call, fhir_type: str) -> Source | None:
        match tree:
            case nodes.Call(name="where", arguments=(criteria,)):
                source = self._source(tree.source, fhir_type)
                return paths.where(source, self._truth(criteria, source.fhir_type))
            case nodes.Call(name="extension", arguments=(nodes.String(value=url),)):
                return paths.extension(self._source(tree.source, fhir_type), url, self._navigator)
            case nodes.Call(name="first", arguments=()):
                return paths.first(self._source(tree.source, fhir_type))
            case nodes.Call(name="ofType", arguments=(wanted,)):
                return self._of_type(tree.source, type_name(wanted), fhir_type)
            case nodes.Call(name="as", arguments=(wanted,)):
                return self._of_type(tree.source, type_name(wanted), fhir_type)
        return None

    def _type_operation(self, tree: nodes.TypeOperation, fhir_type: str) -> Source | None:
        if tree.operator != "as":
            return None
        return self._of_type(tree.operand, tree.type, fhir_type)

    def _of_type(self, tree: Tree | None, name: nodes.TypeName, fhir_type: str) -> Source | None:
        is_type = type_test(name, self._navigator.model, exact_primitives=True)
        return paths.of_type(self._source(tree, fhir_type), is_type)

    def _union(self, tree: nodes.Binary, fhir_type: str) -> Source | None:
        if tree.operator != "|":
            return None
        left, right = self._source(tree.left, fhir_type), self._source(tree.right, fhir_type)
        if not {left.fhir_type, right.fhir_type} <= _TEXTS:
            return None
        return paths.union(left, right)

    def _text(self, tree: Tree | None, fhir_type: str) -> Source:
        source = self._source(tree, fhir_type)
        if source.fhir_type not in _TEXTS and source.fhir_type != paths.MIXED:
            raise _NotPlain
        return source

    # -- functions that answer a truth

    def _exists(self, tree: nodes.Call, fhir_type: str) -> Truth:
        source = self._source(tree.source, fhir_type)
        if tree.arguments:
            source = paths.where(source, self._truth(tree.arguments[0], source.fhir_type))
        return source.some

    def _empty(self, tree: nodes.Call, fhir_type: str) -> Truth:
        return truths.empty(self._source(tree.source, fhir_type))

    def _all(self, tree: nodes.Call, fhir_type: str) -> Truth:
        source = self._source(tree.source, fhir_type)
        return truths.all_of(source, self._truth(tree.arguments[0], source.fhir_type))

    def _not(self, tree: nodes.Call, fhir_type: str) -> Truth:
        if tree.source is None:
            raise _NotPlain
        return truths.not_(self._truth(tree.source, fhir_type))

    def _has_value(self, tree: nodes.Call, fhir_type: str) -> Truth:
        source = self._source(tree.source, fhir_type)
        if not self._navigator.model.is_primitive(source.fhir_type):
            raise _NotPlain
        return truths.has_value(source)

    def _is_distinct(self, tree: nodes.Call, fhir_type: str) -> Truth:
        return truths.distinct(self._text(tree.source, fhir_type))

    def _matches(self, tree: nodes.Call, fhir_type: str) -> Truth:
        source, text = self._text(tree.source, fhir_type), _text_argument(tree)
        try:
            decide = pattern.finder(text)
        except ValueError as error:
            raise _NotPlain from error
        return truths.on_text(source, decide)

    def _starts_with(self, tree: nodes.Call, fhir_type: str) -> Truth:
        source, text = self._text(tree.source, fhir_type), _text_argument(tree)
        return truths.on_text(source, lambda value: value.startswith(text))

    def _contains(self, tree: nodes.Call, fhir_type: str) -> Truth:
        source, text = self._text(tree.source, fhir_type), _text_argument(tree)
        return truths.on_text(source, lambda value: text in value)


def _text_argument(tree: nodes.Call) -> str:
    argument = tree.arguments[0]
    if not isinstance(argument, nodes.String):
        raise _NotPlain
    return argument.value


def _listed(tree: Tree) -> Iterator[str]:
    """Yield the texts of ``('a' | 'b' | 'c')``."""
    if isinstance(tree, nodes.Binary) and tree.operator == "|":
        yield from _listed(tree.left)
        yield from _listed(tree.right)
    elif isinstance(tree, nodes.String):
        yield tree.value
    else:
        raise _NotPlain


def _is_truth(tree: Tree) -> bool:
    """Say whether an expression can give nothing but a truth or nothing."""
    if isinstance(tree, nodes.Binary):
        return tree.operator in _TRUE_OPERATORS
    return isinstance(tree, nodes.Call) and tree.name in _TRUE_FUNCTIONS


_TRUE_OPERATORS = frozenset((*_LOGIC, *_ORDERS, "=", "!=", "in"))
_TRUE_FUNCTIONS = frozenset(("exists", "empty", "all", "hasValue", "matches", "startsWith"))

_CALLS: dict[str, Callable[[DirectCompiler, nodes.Call, str], Truth]] = {
    "exists": DirectCompiler._exists,
    "empty": DirectCompiler._empty,
    "all": DirectCompiler._all,
    "not": DirectCompiler._not,
    "hasValue": DirectCompiler._has_value,
    "isDistinct": DirectCompiler._is_distinct,
    "matches": DirectCompiler._matches,
    "startsWith": DirectCompiler._starts_with,
    "contains": DirectCompiler._contains,
}

_PATHS: dict[type, Callable[[DirectCompiler, Any, str], Source | None]] = {
    nodes.Special: DirectCompiler._special,
    nodes.Member: DirectCompiler._member,
    nodes.Call: DirectCompiler._call,
    nodes.TypeOperation: DirectCompiler._type_operation,
    nodes.Binary: DirectCompiler._union,
}
