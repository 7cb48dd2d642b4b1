"""What the rules about definitions ask of the code systems that are here.

Spec: https://hl7.org/fhir/R4/terminology-module.html
"""

from collections.abc import Mapping

from fhir_server.definitions import Registry
from fhir_server.validation.reading import objects, text_of


class KnownSystems:
    """The code systems of one registry: their codes, and their URLs by other identifiers.

    Attributes:
        registry: The definitions.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._by_identifier: dict[str, str] | None = None

    def codes(self, canonical: str) -> frozenset[str] | None:
        """Return the codes of a system that is here as a whole; None: it is not."""
        system = self.registry.code_system(canonical)
        if system is None or system.get("content") != "complete":
            return None
        found: set[str] = set()
        waiting = [concept for _, concept in objects(system, "concept")]
        while waiting:
            concept = waiting.pop()
            found.add(text_of(concept, "code") or "")
            waiting += [inner for _, inner in objects(concept, "concept")]
        return frozenset(found)

    def url_of(self, identifier: str) -> str | None:
        """Return the URL of the system that has the OID or UUID ``identifier``."""
        if self._by_identifier is None:
            self._by_identifier = dict(self._identified())
        return self._by_identifier.get(identifier)

    def _identified(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for system in self.registry.resources("CodeSystem"):
            url = text_of(system, "url")
            for _, identifier in objects(system, "identifier"):
                value = text_of(identifier, "value")
                if url is not None and value is not None:
                    found.setdefault(value, url)
        return found
