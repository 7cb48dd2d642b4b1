"""Where a rule is compiled: the element's structure and the type its values have."""

from dataclasses import dataclass
from typing import Protocol

from fhir_server.definitions import Element, Structure
from fhir_server.validation.scope import Plans, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a rule's compiler knows besides the element.

    Attributes:
        table: Finds the plans of other types and profiles.
        structure: The structure the element is from.
        fhir_type: The type of the values: a code, or the path of an element with children of its
            own.
        inherited: What other plans check for the same values: the base definition's element, the
            element that a slice belongs to, the root of the type. A rule leaves out what they have.
    """

    table: Plans
    structure: Structure
    fhir_type: str
    inherited: tuple[Element, ...] = ()

    def source(self, element: Element) -> str:
        """Write whose rule it is: ``canonical|version#element id``."""
        return source_of(self.structure, element)


def source_of(structure: Structure, element: Element) -> str:
    """Write whose rule it is: ``canonical|version#element id``."""
    version = f"|{structure.version}" if structure.version else ""
    return f"{structure.url}{version}#{element.id}"


class ValueCompiler(Protocol):
    """Compiles what a profile asks of values (`overlay.OverlayCompiler`)."""

    @property
    def structure(self) -> Structure:
        """The profile."""

    @property
    def table(self) -> Plans:
        """Other types and profiles."""

    def value(
        self, element: Element, fhir_type: str, inherited: tuple[Element, ...]
    ) -> Rule | None:
        """Compile what is asked of one value of an element; None: nothing."""
