"""What is left of a search over several types for one of them.

The search of a whole compartment asks each type something else, all in one tree. A store that looks
at one type after the other need not weigh what concerns the others.

Spec: https://hl7.org/fhir/R4/http.html#vsearch
"""

from dataclasses import replace

from fhir_server.model import ResourceType
from fhir_server.search.tree import EVERYTHING, NOTHING, And, Node, Not, Or, TypeMatch


def for_type(node: Node, resource_type: ResourceType) -> Node:
    """Return what ``node`` asks of resources of that type; `NOTHING` where none can match."""
    if isinstance(node, TypeMatch):
        return EVERYTHING if resource_type in node.values else NOTHING
    if isinstance(node, Not):
        part = for_type(node.part, resource_type)
        return NOTHING if part == EVERYTHING else EVERYTHING if part == NOTHING else Not(part=part)
    if not isinstance(node, And | Or):
        return node
    decides, idle = (NOTHING, EVERYTHING) if isinstance(node, And) else (EVERYTHING, NOTHING)
    parts: list[Node] = []
    for part in node.parts:
        left = for_type(part, resource_type)
        if left == decides:
            return decides
        if left != idle:
            parts.append(left)
    return parts[0] if len(parts) == 1 else replace(node, parts=tuple(parts))
