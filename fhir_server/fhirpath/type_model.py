"""What FHIRPath asks of the definitions: the shape of types.

Spec: https://hl7.org/fhir/R4/fhirpath.html#types
"""

from typing import Protocol

from fhir_server.definitions import ElementType

__all__ = ["ElementType", "TypeModel"]


class TypeModel(Protocol):
    """The types of one FHIR release; `fhir_server.definitions.TypeTable` is one."""

    def element(self, fhir_type: str, name: str) -> ElementType | None:
        """Return element ``name`` (``value`` for ``value[x]``) of a type or path; None: none."""

    def element_names(self, fhir_type: str) -> tuple[str, ...]:
        """Return the names of all elements of a type, inherited ones included, in order."""

    def base_type(self, fhir_type: str) -> str | None:
        """Return the type one step up (``Patient`` -> ``DomainResource``); None: no more."""

    def is_type(self, name: str) -> bool:
        """Say whether ``name`` is a type of this release."""

    def is_primitive(self, fhir_type: str) -> bool:
        """Say whether instances are JSON scalars (``code``, ``dateTime`` …)."""

    def is_resource(self, fhir_type: str) -> bool:
        """Say whether instances carry ``resourceType``."""
