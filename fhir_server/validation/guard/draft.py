"""A profile under check: its differential, its snapshot as a tree, and what each element inherits.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from fhir_server.definitions import Element, Reached, Registry, Structure, find_element, reach
from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Step
from fhir_server.validation.scope import Plans

_DIFFERENTIAL: tuple[Step, ...] = (("element", "element"), ("differential", "differential"))


class Said(NamedTuple):
    """One element of the differential.

    Attributes:
        position: Its place in the differential.
        definition: What it says.
        element: The same element of the profile's snapshot.
    """

    position: int
    definition: JsonObject
    element: Element

    def at(self, *keys: str) -> tuple[Step, ...]:
        """Return the steps to a value in it, innermost first; one it lacks is the element."""
        held = keys if keys and keys[0] in self.definition else ()
        return (*((key, key) for key in reversed(held)), self.position, *_DIFFERENTIAL)

    def finding(self, rule: str, *keys: str, **values: object) -> Finding:
        """Report something about it; the message may name the element as ``path``."""
        return Finding(rule, at=self.at(*keys), **{"path": self.element.id, **values})  # type: ignore[arg-type] # placeholders only


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the guard rails look at.

    Attributes:
        definition: The StructureDefinition.
        base: What it constrains.
        structure: The definition itself, compiled from a snapshot made anew.
        table: Other definitions, terminology.
    """

    definition: JsonObject
    base: Structure
    structure: Structure
    table: Plans

    @property
    def registry(self) -> Registry:
        """Other definitions."""
        return self.table.registry

    def said(self) -> Iterator[Said]:
        """Yield the elements of the differential that the snapshot has under the same id."""
        for index, definition in enumerate(self.definition["differential"].get("element", ())):
            element = find_element(self.structure, definition.get("id", definition["path"]))
            if element is not None:
                yield Said(index, definition, element)

    def inherited(self, element_id: str) -> Reached | None:
        """Return what an element of the profile had to start from; None: that cannot be told."""
        return reach(self.base, element_id, self.registry, guide=self.structure)
