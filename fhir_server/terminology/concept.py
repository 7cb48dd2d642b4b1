"""A concept of a code system and the code system as terminology asks it.

Spec: https://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from fhir_server.model import JsonObject

Content = Literal["complete", "fragment", "example", "not-present", "supplement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """One concept.

    Attributes:
        code: As the system writes it, also where codes are compared without case.
        display: In the system's own language.
        definition: What it means.
        designations: Further names, each with ``language``, ``use`` and ``value``.
        properties: The ``property`` entries, those of supplements included.
        is_abstract: Not to be used as a value (``notSelectable``).
        is_inactive: Retired or marked inactive.
    """

    code: str
    display: str | None = None
    definition: str | None = None
    designations: tuple[JsonObject, ...] = ()
    properties: tuple[JsonObject, ...] = ()
    is_abstract: bool = False
    is_inactive: bool = False


class CodeSystem(Protocol):
    """What can be asked of every code system: one that lists its concepts or one with a grammar.

    Attributes:
        url: Canonical without version.
        version: Business version.
        language: Language of ``Concept.display``.
        content: How much of the system is here.
        is_case_sensitive: Whether codes differ by case.
        is_enumerable: Whether ``concepts`` can list them all.
    """

    @property
    def url(self) -> str: ...  # noqa: D102 # see the class

    @property
    def version(self) -> str | None: ...  # noqa: D102 # see the class

    @property
    def language(self) -> str | None: ...  # noqa: D102 # see the class

    @property
    def content(self) -> Content: ...  # noqa: D102 # see the class

    @property
    def is_case_sensitive(self) -> bool: ...  # noqa: D102 # see the class

    @property
    def is_enumerable(self) -> bool: ...  # noqa: D102 # see the class

    def find(self, code: str) -> Concept | None:
        """Return the concept of a code; None: the system, as far as it is here, has none."""

    def concepts(self) -> Iterator[Concept]:
        """List the concepts in the order of the definition, parents before children."""

    def parents(self, code: str) -> tuple[str, ...]:
        """Return the codes one step up."""

    def children(self, code: str) -> tuple[str, ...]:
        """Return the codes one step down."""

    def ancestors(self, code: str) -> frozenset[str]:
        """Return all codes above, without the code itself."""

    def descendants(self, code: str) -> frozenset[str]:
        """Return all codes below, without the code itself."""

    def values(self, concept: Concept, name: str) -> tuple[str, ...]:
        """Return the values of a property as text."""

    def has_property(self, name: str) -> bool:
        """Say whether the system defines or uses a property of that name."""
