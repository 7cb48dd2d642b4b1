"""Terminology: code systems and value sets of one registry, asked by code.

Spec: https://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Iterator
from itertools import islice

from fhir_server.model import FhirError, JsonObject, issue, split_canonical
from fhir_server.terminology import check
from fhir_server.terminology.check import CodeCheck
from fhir_server.terminology.compose import Composer
from fhir_server.terminology.display import ANY_LANGUAGE, Languages
from fhir_server.terminology.systems import CodeSystems, Definitions
from fhir_server.terminology.translation import ConceptMaps
from fhir_server.terminology.value_set import CompiledValueSet

_MOST_CODES = 5_000


class Terminology:
    """Answers questions about codes from its definitions; never changed, caches inside.

    Attributes:
        definitions: The registry it reads.
        systems: Its code systems.
        value_sets: Its compiled value sets.
        concept_maps: Its concept maps.
    """

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.systems = CodeSystems(definitions)
        self.value_sets = Composer(definitions, self.systems)
        self.concept_maps = ConceptMaps(definitions)
        self._codes: dict[str, frozenset[tuple[str, str]] | None] = {}

    def with_code_system(self, definition: JsonObject) -> "Terminology":
        """Return a terminology that also knows a code system that came with a request."""
        return Terminology(_With(self.definitions, definition))

    def validate_code(
        self,
        value_set: str,
        system: str | None,
        code: str,
        *,
        display: str | None = None,
        version: str | None = None,
        languages: Languages = ANY_LANGUAGE,
        explains: bool = True,
    ) -> CodeCheck:
        """Say whether a code is in a value set, by its rules and without expanding it.

        Args:
            value_set: ``url`` or ``url|version``.
            system: Canonical of the code's system; None for elements of type ``code``.
            code: The code.
            display: Compared too, where given.
            version: Version of the code's system, where given.
            languages: Of the display.
            explains: Whether a refusal says which codes are near.

        Returns:
            ``not-checked`` also for a value set that is not here or contradicts itself.
        """
        try:
            rules = self.value_sets.find(value_set)
        except FhirError as error:
            return CodeCheck(verdict="not-checked", issues=error.issues)
        if rules is None:
            text = issue("value-set-unknown", found=value_set)
            return CodeCheck(verdict="not-checked", issues=(text,))
        return check.check_member(
            rules,
            self.systems,
            system,
            code,
            display=display,
            version=version,
            languages=languages,
            explains=explains,
        )

    def check_code(
        self,
        system: str,
        code: str,
        display: str | None = None,
        version: str | None = None,
        languages: Languages = ANY_LANGUAGE,
        *,
        explains: bool = True,
    ) -> CodeCheck:
        """Say whether a code is in its code system; ``explains``: which codes are near, too."""
        return check.check_code(
            self.systems,
            system,
            code,
            display=display,
            version=version,
            languages=languages,
            explains=explains,
        )

    def codes_of(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        """Return (system, code) pairs that are certainly in a value set, for a test of 0.1 µs.

        A pair in the set is a member. One that is not may still be: codes of systems without
        regard to case, of grammars and of systems that are here in part; ask `validate_code`.

        Returns:
            None: the value set is not here, is broken, or lists nothing or more than 5,000 codes.
        """
        if value_set not in self._codes:
            self._codes[value_set] = self._finite(value_set)
        return self._codes[value_set]

    def _finite(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        try:
            rules: CompiledValueSet | None = self.value_sets.find(value_set)
        except FhirError:
            return None
        if rules is None:
            return None
        members = list(islice(rules.members(), _MOST_CODES + 1))
        if not members or len(members) > _MOST_CODES:
            return None
        return frozenset((member.system, member.code) for member in members)


class _With:
    """Definitions with one more."""

    def __init__(self, definitions: Definitions, added: JsonObject) -> None:
        self._definitions = definitions
        self._added = added

    def resource(self, kind: str, canonical: str) -> JsonObject | None:
        """See `Definitions.resource`."""
        url, version, _ = split_canonical(canonical)
        if (
            kind == self._added["resourceType"]
            and url == self._added.get("url")
            and version in {None, self._added.get("version")}
        ):
            return self._added
        return self._definitions.resource(kind, canonical)

    def resources(self, kind: str) -> Iterator[JsonObject]:
        """See `Definitions.resources`."""
        if kind == self._added["resourceType"]:
            yield self._added
        yield from self._definitions.resources(kind)
