"""Which search parameters a query depends on.

Spec: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterable, Iterator

from fhir_server.model import ResourceType
from fhir_server.search.tree import (
    And,
    Chain,
    Has,
    IdMatch,
    Node,
    Not,
    Or,
    SearchQuery,
    TypeMatch,
)

Asked = tuple[str, str]
"""Resource type and code."""


def asked_parameters(query: SearchQuery) -> frozenset[Asked]:
    """Return the parameters that a query finds or orders by, by type and code."""
    found = set(_of_node(query.where, query.resource_types))
    for key in query.sort:
        found.update(_of_name(key.parameter, query.resource_types))
    return frozenset(found)


def _of_node(node: Node, types: Iterable[ResourceType]) -> Iterator[Asked]:
    match node:
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from _of_node(part, types)
        case Not(part=part):
            yield from _of_node(part, types)
        case Chain(parameter=parameter, target_type=target, where=where):
            yield from _of_name(parameter, types)
            yield from _of_node(where, (target,))
        case Has(source_type=source, parameter=parameter, where=where):
            yield from _of_name(parameter, (source,))
            yield from _of_node(where, (source,))
        case IdMatch() | TypeMatch():
            return
        case _:
            yield from _of_name(node.parameter, types)


def _of_name(name: str, types: Iterable[ResourceType]) -> Iterator[Asked]:
    """A name in the index may be derived: the code comes first, that of a contained one last."""
    code, _, rest = name.partition(":")
    for resource_type in types:
        yield resource_type, code.partition("$")[0]
    inner_type, dot, inner = rest.partition(".")
    if dot:
        yield inner_type, inner.partition(":")[0]
