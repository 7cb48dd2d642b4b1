"""Compartments: which resources belong to a patient, an encounter …, and by which parameters.

Spec: https://hl7.org/fhir/R4/compartmentdefinition.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fhir_server.model import Canonical, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Compartment:
    """A CompartmentDefinition as search uses it.

    Attributes:
        code: Resource type that owns the compartment.
        url: Canonical URL.
        parameters: Resource type -> codes of the reference parameters that put a resource into it.
            Types that are never in it are not there; the owner is in its own compartment anyway.
    """

    code: str
    url: Canonical
    parameters: Mapping[str, tuple[str, ...]]


def by_code(definitions: Iterable[JsonObject]) -> Mapping[str, Compartment]:
    """Return the compartments by code.

    Of several with one code the one that covers more types counts: the R4 package has an example of
    two lines beside the real definition of ``Device``.
    """
    chosen: dict[str, Compartment] = {}
    for definition in definitions:
        made = Compartment(
            code=definition["code"],
            url=definition["url"],
            parameters=MappingProxyType(
                {
                    resource["code"]: tuple(resource["param"])
                    for resource in definition.get("resource", ())
                    if resource.get("param")
                }
            ),
        )
        before = chosen.get(made.code)
        if before is None or len(made.parameters) >= len(before.parameters):
            chosen[made.code] = made
    return MappingProxyType(chosen)
