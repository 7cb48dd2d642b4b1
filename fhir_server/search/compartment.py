"""Compartments: what belongs to one patient, encounter, practitioner, device or related person.

Spec: https://hl7.org/fhir/R4/compartmentdefinition.html and https://hl7.org/fhir/R4/http.html#vsearch
"""

from typing import NamedTuple

from fhir_server.definitions import Registry
from fhir_server.model import LogicalId, NotFound, ResourceType
from fhir_server.search.tree import (
    NOTHING,
    And,
    IdMatch,
    Node,
    Or,
    ReferenceMatch,
    ReferenceTerm,
    TypeMatch,
)

_OWNER = "{def}"


class CompartmentKey(NamedTuple):
    """Whose compartment: ``Patient`` and the ids of one patient or several."""

    code: str
    logical_ids: tuple[LogicalId, ...]


def compartment_types(registry: Registry, code: str) -> tuple[ResourceType, ...]:
    """Return the types that can be in a compartment, the owner's own type included.

    Raises:
        NotFound: There is no compartment of that name.
    """
    compartment = registry.compartment(code)
    if compartment is None:
        raise NotFound.of("search-compartment-unknown", found=code)
    return tuple(ResourceType(name) for name in sorted({*compartment.parameters, code}))


def membership(registry: Registry, key: CompartmentKey, types: tuple[ResourceType, ...]) -> Node:
    """Return what says that a resource is in a compartment, or in one of several.

    Args:
        registry: The definitions.
        key: Whose compartment.
        types: The types that are searched; those that are never in it match nothing.

    Raises:
        NotFound: There is no compartment of that name.
    """
    compartment = registry.compartment(key.code)
    if compartment is None:
        raise NotFound.of("search-compartment-unknown", found=key.code)
    owners = tuple(ReferenceTerm(key.code, logical_id, "") for logical_id in key.logical_ids)
    parts: list[Node] = []
    for resource_type in types:
        known = registry.search_parameters(resource_type)
        codes = compartment.parameters.get(resource_type, ())
        ways: list[Node] = [
            ReferenceMatch(parameter=code, values=owners) for code in codes if code in known
        ]
        if resource_type == key.code or _OWNER in codes:
            ways.append(
                And(parts=(TypeMatch(values=(ResourceType(key.code),)), _itself(key)))
                if len(types) > 1
                else _itself(key)
            )
        if len(types) == 1:
            return Or(parts=tuple(ways))
        parts.append(And(parts=(TypeMatch(values=(resource_type,)), Or(parts=tuple(ways)))))
    return Or(parts=tuple(parts)) if parts else NOTHING


def _itself(key: CompartmentKey) -> Node:
    return IdMatch(values=key.logical_ids)
