"""A search tree as text, for people who ask how a search is understood."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from fhir_server.search.tree import (
    And,
    Chain,
    CompositeMatch,
    Has,
    Node,
    Not,
    Or,
)

MAX_VALUES = 10
"""Alternatives of one leaf that are written out."""


def outline(node: Node) -> str:
    """Return the tree, a line a node, parts indented below what they are part of."""
    return "\n".join(_lines(node, 0))


def _lines(node: Node, depth: int) -> Iterator[str]:
    indent = "  " * depth
    match node:
        case And(parts=parts) | Or(parts=parts):
            name = "all of" if isinstance(node, And) else "any of"
            yield f"{indent}{name}" if parts else f"{indent}{_EMPTY[type(node)]}"
            for part in parts:
                yield from _lines(part, depth + 1)
        case Not(part=part):
            yield f"{indent}not"
            yield from _lines(part, depth + 1)
        case Chain(parameter=parameter, target_type=target, where=where):
            yield f"{indent}{parameter} refers to {target} with"
            yield from _lines(where, depth + 1)
        case Has(source_type=source, parameter=parameter, where=where):
            yield f"{indent}is referred to by {source}.{parameter} with"
            yield from _lines(where, depth + 1)
        case CompositeMatch(parameter=parameter, values=groups):
            yield f"{indent}{parameter} in one group with"
            for group in groups[:MAX_VALUES]:
                yield f"{indent}  all of"
                for leaf in group:
                    yield from _lines(leaf, depth + 2)
        case _:
            yield indent + _leaf(node)


_EMPTY: dict[type, str] = {And: "everything", Or: "nothing"}


def _leaf(leaf: Any) -> str:
    kind = type(leaf).__name__.removesuffix("Match").lower()
    known = {one.name: getattr(leaf, one.name) for one in fields(leaf)}
    values = known.pop("values", ())
    words = [kind, *(str(value) for value in known.values())]
    shown = ", ".join(_value(value) for value in values[:MAX_VALUES])
    if len(values) > MAX_VALUES:
        shown += f", and {len(values) - MAX_VALUES} more"
    return " ".join(words) + (f": {shown}" if values else "")


def _value(value: Any) -> str:
    if not isinstance(value, tuple):
        return repr(value)
    parts = ("-" if part is None else _value(part) for part in value)
    return f"({' '.join(parts)})"
