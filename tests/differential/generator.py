"""Expressions that mean something: typed, seeded, over paths that a resource really has.

Spec: http://hl7.org/fhirpath/N1/grammar.html
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Any

from fhir_server.fhirpath import Navigator, Node, root_node

TEXTS = frozenset({"string", "code", "uri", "url", "canonical", "id", "markdown"})
NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
DATES = frozenset({"date", "dateTime", "instant"})
MEASURES = frozenset({"Quantity", "Age", "Duration", "SimpleQuantity"})

_LEFT_OUT = frozenset(
    {"contained", "resource", "text", "extension", "modifierExtension", "div", "id"}
)
_DEPTH = 3

Maker = Callable[["Generator", int], str]


class Paths:
    """The paths of one resource, by what they lead to."""

    def __init__(self, resource: dict[str, Any], navigator: Navigator) -> None:
        self.by_kind: dict[str, list[str]] = {}
        self.fields: dict[str, list[tuple[str, str]]] = {}
        self.samples: list[str] = []
        root = root_node(resource, navigator.model)
        self._model = navigator.model
        for path, item, is_many in self._walk(root, "", navigator, is_many=False):
            kind = _kind(item)
            self.by_kind.setdefault(kind, []).append(path)
            if not is_many:
                self.by_kind.setdefault(f"one-{kind}", []).append(path)
            if isinstance(item.value, str):
                self.samples.append(item.value)
            if kind == "complex":
                children = navigator.children(item)
                fields = [(self._name(child), _kind(child)) for child in children]
                self.fields.setdefault(path, []).extend(fields)
        self.by_kind = {kind: list(dict.fromkeys(paths)) for kind, paths in self.by_kind.items()}

    def _walk(
        self, item: Node, path: str, navigator: Navigator, *, is_many: bool
    ) -> Iterator[tuple[str, Node, bool]]:
        """Yield every element twice where it is one of several: by the list and by its place."""
        for child in navigator.children(item):
            name = self._name(child)
            if name in _LEFT_OUT or path.count(".") >= _DEPTH:
                continue
            step = f"{path}.{name}" if path else name
            is_list = is_many or child.index is not None
            yield step, child, is_list
            yield from self._walk(child, step, navigator, is_many=is_list)
            if child.index is not None:
                place = f"{step}[{child.index}]"
                yield place, child, is_many
                yield from self._walk(child, place, navigator, is_many=is_many)

    def _name(self, child: Node) -> str:
        """The element's name: ``value`` for what JSON calls ``valueQuantity``."""
        key, parent = str(child.key), child.parent
        if parent is not None and self._model.element(parent.fhir_type, key) is not None:
            return key
        return key.removesuffix(child.fhir_type[:1].upper() + child.fhir_type[1:])


def _kind(item: Node) -> str:
    for kind, types in (("text", TEXTS), ("number", NUMBERS), ("date", DATES)):
        if item.fhir_type in types:
            return kind
    if item.fhir_type in MEASURES and "comparator" not in item.value:
        return "quantity"
    return "boolean" if item.fhir_type == "boolean" else "complex"


class Generator:
    """Makes expressions for one resource.

    Args:
        seed: The same seed, the same expressions.
        paths: Of the resource.
    """

    def __init__(self, seed: int, paths: Paths) -> None:
        self._random = Random(seed)  # noqa: S311 # expressions, no secrets
        self._paths = paths

    def expression(self) -> str:
        """Make one expression, three operations deep at most."""
        return self.of(self._pick(tuple(_MAKERS)), self._random.randint(1, 3))

    def of(self, kind: str, depth: int) -> str:
        """Make an expression of a kind; without depth a path or a literal."""
        makers = _MAKERS[kind] if depth > 0 else _LEAVES[kind]
        return str(self._pick(makers)(self, depth - 1))

    def path(self, kind: str) -> str | None:
        """Pick a path to values of a kind; None: the resource has none."""
        found = self._paths.by_kind.get(kind)
        return str(self._pick(found)) if found else None

    def field(self, path: str) -> str:
        """Pick a condition on an item of ``path``."""
        fields = self._paths.fields.get(path)
        if not fields:
            return "$this.exists()"
        name, kind = self._pick(fields)
        if kind == "text":
            sample = json.dumps(self.sample())[1:-1].replace("'", "\\'")
            return self.pick(f"{name} = '{sample}'", f"{name}.exists()", f"{name}.length() > 4")
        return self.pick(f"{name}.exists()", f"{name}.empty()", f"{name}.count() = 1")

    def child(self, path: str) -> str:
        """Pick an element of an item of ``path``."""
        fields = self._paths.fields.get(path)
        return str(self._pick(fields)[0]) if fields else "$this"

    def sample(self) -> str:
        """Pick a text that the resource has, or a piece of one."""
        text: str = self._pick(self._paths.samples or ["a"])
        text = text if self._random.random() < 0.5 else text[: self._random.randint(1, 4)]
        return text if text.isascii() and "\\" not in text else "a"

    def whole(self, most: int = 12) -> str:
        """Pick a number, sometimes negative."""
        return str(self._random.randint(0, most))

    def _pick(self, choices: Any) -> Any:
        return self._random.choice(choices)

    def pick(self, *choices: str) -> str:
        """Pick one of the texts."""
        return str(self._random.choice(choices))


def _path_or(kind: str, literal: Maker) -> Maker:
    def make(g: Generator, depth: int) -> str:
        found = g.path(f"one-{kind}") if g.pick("path", "path", "literal") == "path" else None
        return found or literal(g, depth)

    return make


def _text_literal(g: Generator, _: int) -> str:
    return "'" + g.sample().replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t") + "'"


def _number_literal(g: Generator, _: int) -> str:
    return g.pick(g.whole(), g.whole(), f"{g.whole()}.{g.whole()}", "0.25", "2.50", "(-3)")


def _date_literal(g: Generator, _: int) -> str:
    return g.pick(
        "@2012", "@2012-06", "@2012-06-15", "@1974-12-25", "@2015-02-07T13:28:17Z", "@2013-04-02T",
        "@2012-02-29", "@2015-02-07T13:28:17.239+02:00",
    )  # fmt: skip


def _quantity_literal(g: Generator, _: int) -> str:
    unit = g.pick("'mg'", "'g'", "'kg'", "'cm'", "'[in_i]'", "'mm[Hg]'", "day", "weeks", "'d'")
    return f"{g.pick('1', '2', '3.5', '100', '0.1')} {unit}"


def _boolean_literal(g: Generator, _: int) -> str:
    return g.pick("true", "false", "{}")


def _any_path(g: Generator, _: int) -> str:
    kind = g.pick("text", "number", "date", "complex", "boolean", "quantity")
    return g.path(kind) or g.path("complex") or "id"


def _filtered(g: Generator, _: int) -> str:
    path = g.path("complex") or "meta"
    return f"{path}.where({g.field(path)})"


def _t(template: str) -> Maker:
    """Make a maker of a template.

    ``<T>`` and its like stand for expressions of a kind, ``<#>`` for a number; ``<P>`` is a path to
    complex values, ``<F>`` a condition on its items and ``<E>`` one of their elements.
    """
    parts = re.split(r"<(.)>", template)

    def make(g: Generator, depth: int) -> str:
        path = g.path("complex") or "meta"
        fixed = {"#": g.whole(5), "P": path, "F": g.field(path), "E": g.child(path)}
        made = [
            part if at % 2 == 0 else fixed.get(part) or g.of(_KINDS[part], depth)
            for at, part in enumerate(parts)
        ]
        return "".join(made)

    return make


_KINDS = {
    "T": "text", "N": "number", "D": "date", "Q": "quantity", "B": "boolean", "C": "collection",
}  # fmt: skip

_LEAVES: dict[str, tuple[Maker, ...]] = {
    "text": (_path_or("text", _text_literal),),
    "number": (_path_or("number", _number_literal),),
    "date": (_path_or("date", _date_literal),),
    "quantity": (_path_or("quantity", _quantity_literal),),
    "boolean": (_path_or("boolean", _boolean_literal),),
    "collection": (_any_path, _any_path, _filtered),
}


@cache
def _templates(text: str) -> tuple[Maker, ...]:
    return tuple(_t(line.strip()) for line in text.strip().splitlines())


_MAKERS: dict[str, tuple[Maker, ...]] = {
    "text": _templates(
        """
        (<T>).substring(<#>)
        (<T>).substring(<#>, <#>)
        (<T>).upper()
        (<T>).lower()
        (<T>).replace(<T>, 'x')
        (<T>).replaceMatches('[a-e]', '_')
        (<T> + <T>)
        (<T> & <T>)
        (<T>).toString()
        (<N>).toString()
        (<D>).toString()
        (<B>).toString()
        (<T>).split('-').join('/')
        (<T>).toChars().first()
        (<T>).trim()
        <C>.select($this is string).first().toString()
        iif(<B>, <T>, <T>)
        (<T>).encode('base64')
        (<T>).encode('hex')
        (<T>).encode('base64').decode('base64')
        (<T>).escape('html')
        (<T>).escape('json')
        (<T>).escape('html').unescape('html')
        <C>.first().type().name
        (<T>).defineVariable('v').select(%v & 'x')
        (<T>).join(',')
        """
    ),
    "number": _templates(
        """
        (<N> + <N>)
        (<N> - <N>)
        (<N> * <N>)
        (<N> / <N>)
        (<N> div <N>)
        (<N> mod <N>)
        -(<N>)
        (<N>).abs()
        (<N>).round(<#>)
        (<N>).floor()
        (<N>).ceiling()
        (<N>).truncate()
        (<N>).sqrt()
        (<N>).power(2)
        (<T>).length()
        (<T>).indexOf(<T>)
        <C>.count()
        (<T>).toInteger()
        (<T>).toDecimal()
        (<N>).toDecimal()
        (<B>).toInteger()
        <P>.select(<E>.count()).sum()
        (1 | 2 | 3).aggregate($this + $total, <N>)
        iif(<B>, <N>, <N>)
        (<T>).lastIndexOf(<T>)
        (<N>).precision()
        (<N>).lowBoundary()
        (<N>).highBoundary()
        (<N>).lowBoundary(3)
        (<N>).exp()
        (<N>).ln()
        (<N>).log(2)
        (<N>).power(0.5)
        <P>.select(<E>.count()).min()
        <P>.select(<E>.count()).max()
        <P>.select(<E>.count()).avg()
        <P>.children().count()
        <P>.descendants().count()
        <P>.first().count()
        (<T>).convertsToInteger().toInteger()
        """
    ),
    "date": _templates(
        """
        (<D> + <#> days)
        (<D> + <#> months)
        (<D> - <#> years)
        (<D> - <#> weeks)
        (<D> + <#> hours)
        (<D>).toDateTime()
        (<D>).toDate()
        (<T>).toDate()
        (<T>).toDateTime()
        iif(<B>, <D>, <D>)
        (<D> + <#> minutes)
        (<D> - <#> seconds)
        (<D> + 1.5 days)
        (<D> + <#> 'd')
        (<D>).lowBoundary()
        (<D>).highBoundary()
        """
    ),
    "quantity": _templates(
        """
        (<Q> + <Q>)
        (<Q> - <Q>)
        (<Q> * 2)
        (<Q> / 2)
        (<N>).toQuantity()
        (<T>).toQuantity()
        (<Q>).toQuantity()
        """
    ),
    "boolean": _templates(
        """
        (<T> = <T>)
        (<T> != <T>)
        (<T> ~ <T>)
        (<T> !~ <T>)
        (<T> < <T>)
        (<T> >= <T>)
        (<N> = <N>)
        (<N> != <N>)
        (<N> ~ <N>)
        (<N> < <N>)
        (<N> <= <N>)
        (<D> = <D>)
        (<D> != <D>)
        (<D> ~ <D>)
        (<D> < <D>)
        (<D> >= <D>)
        (<Q> = <Q>)
        (<Q> < <Q>)
        (<Q> ~ <Q>)
        (<B> and <B>)
        (<B> or <B>)
        (<B> xor <B>)
        (<B> implies <B>)
        (<B>).not()
        (<T>).startsWith(<T>)
        (<T>).endsWith(<T>)
        (<T>).contains(<T>)
        (<T>).matches('^[a-zA-Z]+$')
        (<T> in <C>)
        (<C> contains <T>)
        <C>.exists()
        <C>.empty()
        (<C> = <C>)
        (<C> ~ <C>)
        <P>.exists(<F>)
        <P>.all(<F>)
        <P>.select(<F>).allTrue()
        <P>.select(<F>).anyTrue()
        <P>.select(<F>).anyFalse()
        <P>.select(<F>).allFalse()
        <C>.isDistinct()
        <C>.subsetOf(<C>)
        <C>.supersetOf(<C>)
        <C>.hasValue()
        (<T>).convertsToInteger()
        (<T>).convertsToBoolean()
        (<T>).convertsToDecimal()
        (<T>).convertsToDate()
        (<T>).convertsToDateTime()
        (<T>).convertsToTime()
        (<T>).convertsToQuantity()
        (<N> is Integer)
        (<N> is Decimal)
        (<T> is System.String)
        (<T> is string)
        (<T>).toBoolean()
        <C>.first() is FHIR.string
        (<T>).matchesFull('[A-Z].*')
        (<T>).matches('[0-9]{2}')
        (<C> = <C>).not()
        (<D> is DateTime)
        (<D> is Date)
        <C>.first() is code
        <P>.first() is CodeableConcept
        <P>.extension('http://example.org').exists()
        <C>.allTrue()
        (<B> is Boolean)
        (<T>).empty() or (<T>).exists()
        (1 | 2 | 3).supersetOf(<N>)
        (<N> in (1 | 2 | 3))
        <P>.where(<F>).exists() implies <P>.exists()
        """
    ),
    "collection": _templates(
        """
        <C>.first()
        <C>.last()
        <C>.tail()
        <C>.skip(<#>)
        <C>.take(<#>)
        <C>[<#>]
        <C>.distinct()
        (<C> | <C>)
        <C>.union(<C>)
        <C>.combine(<C>)
        <C>.intersect(<C>)
        <C>.exclude(<C>)
        <P>.where(<F>)
        <P>.select(<E>)
        <P>.where(<F>).select(<E>)
        <P>.<E>
        <P>.select(<E> | $this)
        <P>.select($index)
        <P>.repeat(<E>)
        <C>.ofType(string)
        <C>.ofType(code)
        <C>.ofType(HumanName)
        <C>.ofType(CodeableConcept)
        <C>.single()
        <P>.where($index < <#>).<E>
        iif(<B>, <C>, <C>)
        <P>.children()
        <P>.<E>.distinct().first()
        <P>.combine(<P>).distinct()
        <P>.select(<E>.first() | <E>.last())
        <C>.where($this is code)
        (<T>).toChars().skip(<#>).take(2)
        (<T>).split(' ')
        <P>.defineVariable('v').where(%v.count() > <#>)
        <P>.extension('http://example.org')
        (<P>.first() as CodeableConcept)
        (1 | 2 | 3).where($this > <N>)
        (1 | 2 | 3).select($this * <N>)
        (<N> | <N>)
        (<D> | <D>)
        """
    ),
}
