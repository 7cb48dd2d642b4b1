"""A code system whose codes are known by a grammar, so that they can be checked but not listed.

Spec: https://hl7.org/fhir/R4/terminologies-systems.html
"""

from collections.abc import Callable, Iterator

from fhir_server.terminology.concept import Concept, Content


class GrammarSystem:
    """Codes that ``parse`` accepts.

    Attributes:
        url: Canonical of the system.
        version: Grammars have none.
        language: Language of the displays.
        content: Always complete: what the grammar refuses is no code.
        is_case_sensitive: Whether codes differ by case.
        is_enumerable: Never.
    """

    version: str | None = None
    language: str | None = "en"
    content: Content = "complete"
    is_enumerable = False

    def __init__(
        self,
        url: str,
        parse: Callable[[str], Concept | None],
        *,
        is_case_sensitive: bool = False,
    ) -> None:
        self.url = url
        self.find = parse
        self.is_case_sensitive = is_case_sensitive

    def concepts(self) -> Iterator[Concept]:
        """There are too many to list; callers ask ``is_enumerable`` first."""
        return iter(())

    def parents(self, _code: str) -> tuple[str, ...]:
        """Return nothing: there is no hierarchy."""
        return ()

    def children(self, _code: str) -> tuple[str, ...]:
        """Return nothing: there is no hierarchy."""
        return ()

    def ancestors(self, _code: str) -> frozenset[str]:
        """Return nothing: there is no hierarchy."""
        return frozenset()

    def descendants(self, _code: str) -> frozenset[str]:
        """Return nothing: there is no hierarchy."""
        return frozenset()

    def values(self, _concept: Concept, _name: str) -> tuple[str, ...]:
        """Return nothing: there are no properties."""
        return ()

    def has_property(self, _name: str) -> bool:
        """Say no: there are no properties."""
        return False
