"""Chains and ``_has`` asked of few candidates, instead of of everything there is.

What else a search asks often leaves few resources (an id, a reference, a rare name): then only what
these refer to, or what refers to them, is looked at. ``_has:Observation:…`` of one patient reads
the observations of that patient, not those of all.

Spec: https://hl7.org/fhir/R4/search.html#chaining
"""

from collections.abc import Sequence
from dataclasses import replace

from fhir_server.model import LogicalId
from fhir_server.search import (
    And,
    Chain,
    Has,
    IdMatch,
    Node,
    Not,
    Or,
    ReferenceMatch,
    ReferenceTerm,
)
from fhir_server.storage.mongodb import tokens
from fhir_server.storage.mongodb.document import Document

MAX_CANDIDATES = 500
"""Resources that a link is asked of one by one: as many look-ups in the index of tokens."""


def has_links(node: Node) -> bool:
    """Say whether there is a chain or ``_has`` in a condition."""
    if isinstance(node, Chain | Has):
        return True
    if isinstance(node, Not):
        return has_links(node.part)
    return isinstance(node, And | Or) and any(map(has_links, node.parts))


def apart(where: Node) -> tuple[list[Node], list[Node]]:
    """Return the parts that must all hold: those without links, and those with some."""
    parts = where.parts if isinstance(where, And) else (where,)
    plain = [part for part in parts if not has_links(part)]
    return plain, [part for part in parts if has_links(part)]


def restricted(node: Node, candidates: Sequence[Document]) -> Node:
    """Return what is as good as ``node`` for the candidates, and follows only their links.

    Args:
        node: A condition.
        candidates: Documents with ``_id`` and ``t``.
    """
    if isinstance(node, And | Or):
        return replace(node, parts=tuple(restricted(part, candidates) for part in node.parts))
    if isinstance(node, Not):
        return Not(part=restricted(node.part, candidates))
    if isinstance(node, Has):
        keys = (one["_id"].split("/") for one in candidates)
        terms = tuple(ReferenceTerm(kind, logical_id, "") for kind, logical_id in keys)
        return _narrowed(node, ReferenceMatch(parameter=node.parameter, values=terms))
    if isinstance(node, Chain):
        start, end = f"{node.parameter}|", f"/{node.target_type}"
        ids = {
            LogicalId(text[len(start) : -len(end)])
            for one in candidates
            for text in one.get("t", ())
            if text.startswith(start) and text.endswith(end)
        }
        return _narrowed(node, IdMatch(values=tuple(sorted(ids))))
    return node


def links_from(documents: Sequence[Document], parameter: str) -> set[str]:
    """Return what documents refer to by a parameter, as ``Type/id``."""
    start = f"{parameter}|"
    return {
        tokens.target(text.removeprefix(start))
        for document in documents
        for text in document.get("t", ())
        if text.startswith(start)
    }


def _narrowed(node: Chain | Has, only: Node) -> Node:
    inner = node.where.parts if isinstance(node.where, And) else (node.where,)
    return replace(node, where=And(parts=(only, *inner)))
