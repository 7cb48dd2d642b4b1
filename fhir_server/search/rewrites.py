"""Rewrites: from the tree as it was asked to one that is cheaper to answer, or says what was meant.

``REWRITES`` is the order of work. Each one looks at one node whose parts have been rewritten
already, and knows which types the node is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from fhir_server.definitions import Registry
from fhir_server.model import ResourceType
from fhir_server.search.contained import inner_node
from fhir_server.search.implicit import ImplicitSystems
from fhir_server.search.tree import (
    EVERYTHING,
    NOTHING,
    And,
    Chain,
    Has,
    IdMatch,
    Missing,
    Node,
    Not,
    Or,
    ReferenceMatch,
    ReferenceTerm,
    TokenMatch,
    TokenTerm,
    TypeMatch,
    UriMatch,
)

Types = tuple[ResourceType, ...]


class Around(NamedTuple):
    """What a rewrite knows of a node's surroundings.

    Attributes:
        registry: The definitions.
        types: The types that the node is about.
        implicit: Systems of codes that have none of their own.
    """

    registry: Registry
    types: Types
    implicit: ImplicitSystems


Rewrite = Callable[[Node, Around], Node]

_MAX_TYPED = 12
"""Target types up to which a bare id is spelled out; beyond, one untyped term is cheaper."""


def rewrite(node: Node, around: Around) -> Node:
    """Return the tree after all `REWRITES`, from the leaves up."""
    if isinstance(node, And | Or):
        node = replace(node, parts=tuple(rewrite(part, around) for part in node.parts))
    elif isinstance(node, Not):
        node = Not(part=rewrite(node.part, around))
    elif isinstance(node, Chain):
        inside = around._replace(types=(node.target_type,))
        node = replace(node, where=rewrite(node.where, inside))
    elif isinstance(node, Has):
        inside = around._replace(types=(node.source_type,))
        node = replace(node, where=rewrite(node.where, inside))
    for step in REWRITES:
        node = step(node, around)
    return node


def implicit_systems(node: Node, around: Around) -> Node:
    """Let a ``code`` be found by the system that its binding implies; it is indexed without one."""
    if not isinstance(node, TokenMatch):
        return node
    bare = tuple(
        TokenTerm("", term.code)
        for term in node.values
        if term.system
        and any(term.system in around.implicit.of(name, node.parameter) for name in around.types)
    )
    return replace(node, values=(*node.values, *bare)) if bare else node


def typed_references(node: Node, around: Around) -> Node:
    """Spell a bare id out as one term a target type, so that a store can look it up whole."""
    if not isinstance(node, ReferenceMatch) or all(term.type or term.url for term in node.values):
        return node
    targets: set[str] = set()
    for resource_type in around.types:
        definition = around.registry.search_parameters(resource_type).get(node.parameter)
        if definition is None or not definition.targets:
            return node
        targets.update(definition.targets)
    if len(targets) > _MAX_TYPED or not targets <= around.registry.types.resource_types:
        return node
    terms: list[ReferenceTerm] = []
    for term in node.values:
        if term.type or term.url:
            terms.append(term)
        else:
            terms.extend(ReferenceTerm(target, term.id, "") for target in sorted(targets))
    return replace(node, values=tuple(terms))


def canonical_versions(node: Node, around: Around) -> Node:
    """``url=http://…|1.0`` also finds a definition of that url whose ``version`` is 1.0."""
    if not isinstance(node, UriMatch) or node.mode != "exact" or node.parameter != "url":
        return node
    if not all("version" in around.registry.search_parameters(t) for t in around.types):
        return node
    parts: list[Node] = [node]
    for value in node.values:
        url, bar, version = value.rpartition("|")
        if bar:
            whole = replace(node, values=(url,))
            of_version = TokenMatch(parameter="version", values=(TokenTerm(None, version),))
            parts.append(And(parts=(whole, of_version)))
    return node if len(parts) == 1 else Or(parts=tuple(parts))


def contained_chains(node: Node, _: Around) -> Node:
    """Let a chain look into contained resources too (search.html#contained).

    What they say is indexed with the resource around them, under the name that `inner_name` gives.
    Only what asks for a value can be asked that way: ``:not`` and ``:missing`` within a chain look
    at resources of their own alone.
    """
    if not isinstance(node, Chain):
        return node
    inside = inner_node(node.where, node.parameter, node.target_type)
    return node if inside is None else Or(parts=(node, inside))


def without_repetition(node: Node, _: Around) -> Node:
    """Name each alternative once; a leaf without any matches nothing."""
    if isinstance(node, And | Or | Not | Chain | Has | Missing):
        return node
    if not node.values:
        return NOTHING
    values: Any = tuple(dict.fromkeys(node.values))
    return node if len(values) == len(node.values) else replace(node, values=values)


def flat(node: Node, _: Around) -> Node:
    """Take And out of And and Or out of Or, drop what decides nothing, name each part once."""
    if not isinstance(node, And | Or):
        return node
    decides, idle = (NOTHING, EVERYTHING) if isinstance(node, And) else (EVERYTHING, NOTHING)
    parts: dict[Node, None] = {}
    for part in node.parts:
        if part == decides:
            return decides
        if isinstance(part, type(node)):
            parts.update(dict.fromkeys(part.parts))
        elif part != idle:
            parts[part] = None
    if len(parts) == 1:
        return next(iter(parts))
    return replace(node, parts=tuple(parts))


def merged(node: Node, _: Around) -> Node:
    """Make one leaf of several in an Or that ask the same parameter in the same way."""
    if not isinstance(node, Or):
        return node
    leaves: dict[Any, Any] = {}
    for part in node.parts:
        key = _mergeable(part)
        if key is not None and key in leaves:
            before = leaves[key]
            values = tuple(dict.fromkeys((*before.values, *_values(part))))
            leaves[key] = replace(before, values=values)
        else:
            leaves[key or part] = part
    parts = tuple(leaves.values())
    return parts[0] if len(parts) == 1 else replace(node, parts=parts)


def _mergeable(node: Node) -> tuple[Any, ...] | None:
    if isinstance(node, IdMatch | TypeMatch):
        return (type(node),)
    if isinstance(node, And | Or | Not | Chain | Has | Missing):
        return None
    return (type(node), node.parameter, getattr(node, "mode", None))


def _values(leaf: Node) -> tuple[Any, ...]:
    return () if isinstance(leaf, And | Or | Not | Chain | Has | Missing) else leaf.values


def decided(node: Node, _: Around) -> Node:
    """Take away double negation, and chains whose end nothing can satisfy."""
    if isinstance(node, Not):
        if isinstance(node.part, Not):
            return node.part.part
        opposites: Mapping[Node, Node] = {EVERYTHING: NOTHING, NOTHING: EVERYTHING}
        return opposites.get(node.part, node)
    if isinstance(node, Chain | Has) and node.where == NOTHING:
        return NOTHING
    return node


REWRITES: tuple[Rewrite, ...] = (
    implicit_systems,
    typed_references,
    canonical_versions,
    contained_chains,
    without_repetition,
    flat,
    merged,
    decided,
)
