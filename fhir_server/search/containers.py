"""Searches for contained resources: which resources may contain what is asked for, and which do.

A store knows what the contained resources of a resource say, but not which of them said it. It is
asked for what may match; what it finds is judged one contained resource at a time.

Spec: https://hl7.org/fhir/R4/search.html#contained
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fhir_server.model import JsonObject, ResourceType
from fhir_server.search.clause import refusal
from fhir_server.search.contained import CONTAINED, inner_node
from fhir_server.search.evaluate import Candidate
from fhir_server.search.index import IndexExtractor
from fhir_server.search.options import ResultOptions
from fhir_server.search.rewrites import Around, rewrite
from fhir_server.search.tree import (
    EVERYTHING,
    And,
    Chain,
    Has,
    IdMatch,
    Missing,
    Node,
    Not,
    Or,
    SearchQuery,
    TokenMatch,
    TokenTerm,
    TypeMatch,
)

_ORDERS = frozenset({"_id", "_lastUpdated"})
_SUPERTYPE = "DomainResource"
"""What can contain resources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainedSearch:
    """A search for contained resources of one type.

    Attributes:
        query: What a store is asked: resources that may contain one, of any type.
        resource_type: Type of the contained resources.
        where: What must hold of one of them.
        is_container_wanted: Whether the answer is what contains them, instead of themselves.
        is_alone: Whether resources of their own are no matches.
    """

    query: SearchQuery
    resource_type: ResourceType
    where: Node
    is_container_wanted: bool
    is_alone: bool

    def judge(self, resource: JsonObject, extractor: IndexExtractor) -> list[JsonObject]:
        """Return what a resource contributes: its matches, or itself once where it is wanted.

        What is a match of its own already is not given again for what it contains.
        """
        found = self._matches(resource, extractor)
        if not self.is_container_wanted:
            return list(found)
        if next(found, None) is None or self._is_own_match(resource, extractor):
            return []
        return [resource]

    def _is_own_match(self, resource: JsonObject, extractor: IndexExtractor) -> bool:
        if self.is_alone or resource["resourceType"] != self.resource_type:
            return False
        values = extractor.extract(resource)
        return Candidate(self.resource_type, resource["id"], values).satisfies(self.where)

    def _matches(self, resource: JsonObject, extractor: IndexExtractor) -> Iterator[JsonObject]:
        for inner, values in extractor.contained(resource, self.resource_type):
            if Candidate(self.resource_type, inner["id"], values).satisfies(self.where):
                yield inner


def contained_search(
    query: SearchQuery, options: ResultOptions, around: Around
) -> ContainedSearch | None:
    """Return the search for contained resources beside that for others; None: there is none.

    Args:
        query: The search for resources of their own, of one type.
        options: With ``_contained`` and ``_containedType``.
        around: What the search was rewritten with.

    Raises:
        InvalidRequest: Something else in it is about resources of their own alone.
    """
    if options.contained == "false":
        return None
    _check(query, options)
    (resource_type,) = query.resource_types
    types = around.registry.types
    containers = tuple(
        ResourceType(name)
        for name in sorted(types.resource_types)
        if types.is_subtype(name, _SUPERTYPE)
    )
    there = TokenMatch(parameter=CONTAINED, values=(TokenTerm(resource_type, None),))
    asked = And(parts=(there, _candidates(query.where, resource_type)))
    return ContainedSearch(
        query=replace(
            query,
            resource_types=containers,
            where=rewrite(asked, around._replace(types=containers)),
        ),
        resource_type=resource_type,
        where=query.where,
        is_container_wanted=options.is_container_wanted,
        is_alone=options.contained == "true",
    )


def _check(query: SearchQuery, options: ResultOptions) -> None:
    linked = next(_links(query.where), None)
    if linked is not None:
        raise refusal("search-contained-links", CONTAINED, found=linked)
    for key in query.sort:
        if key.parameter not in _ORDERS or options.contained == "both":
            raise refusal("search-contained-sort", "_sort", found=key.parameter)
    for include in options.includes:
        if not options.is_container_wanted:
            name = "_revinclude" if include.is_reverse else "_include"
            raise refusal("search-contained-include", name)


def _links(node: Node) -> Iterator[str]:
    """Yield the parameters by which a search asks for further resources."""
    match node:
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from _links(part)
        case Not(part=part):
            yield from _links(part)
        case Chain(parameter=parameter):
            yield parameter
        case Has(source_type=source, parameter=parameter):
            yield f"{source}.{parameter}"


def _candidates(node: Node, resource_type: ResourceType) -> Node:
    """Return what holds at least where ``node`` holds of one of the contained resources."""
    match node:
        case And(parts=parts) | Or(parts=parts):
            return replace(node, parts=tuple(_candidates(part, resource_type) for part in parts))
        case IdMatch(values=ids):
            terms = tuple(TokenTerm(resource_type, logical_id) for logical_id in ids)
            return TokenMatch(parameter=CONTAINED, values=terms)
        case Not() | Missing() | TypeMatch():
            return EVERYTHING
        case _:
            return inner_node(node, CONTAINED, resource_type) or EVERYTHING
