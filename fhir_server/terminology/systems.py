"""Which code system a url and a version mean, with the supplements that are asked for.

Spec: https://hl7.org/fhir/R4/codesystem.html#supplements
"""

from collections.abc import Iterable
from typing import Protocol

from fhir_server.model import JsonObject, ValidationFailed, issue, split_canonical
from fhir_server.terminology.concept import CodeSystem
from fhir_server.terminology.grammar import BUILT_IN
from fhir_server.terminology.listed_system import ListedSystem
from fhir_server.terminology.version import fits, is_pattern, sort_key


class Definitions(Protocol):
    """What terminology asks of the definitions; `fhir_server.definitions.Registry` is one."""

    def resource(self, kind: str, canonical: str) -> JsonObject | None:
        """Return a definition by ``url`` (the newest version) or ``url|version``."""

    def resources(self, kind: str) -> Iterable[JsonObject]:
        """Return every definition of a kind."""


class CodeSystems:
    """Code systems by canonical, compiled when first asked for."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._compiled: dict[tuple[str, str | None, tuple[str, ...]], CodeSystem] = {}

    def find(
        self, url: str, version: str | None = None, supplements: tuple[str, ...] = ()
    ) -> CodeSystem | None:
        """Return a code system that has concepts here; None: it is not here, or only its name is.

        Args:
            url: Canonical without version.
            version: Exactly this one; None: the newest.
            supplements: Canonicals of supplements to apply where they are for this system.
        """
        key = (url, version, supplements)
        found = self._compiled.get(key)
        if found is None:
            found = self._compile(url, version, supplements)
            if found is not None:  # what is not here is asked by data, without end: not kept
                self._compiled[key] = found
        return found

    def require(self, supplements: Iterable[str]) -> None:
        """Insist that supplements are here.

        Raises:
            ValidationFailed: One is not.
        """
        for canonical in supplements:
            if self._definitions.resource("CodeSystem", canonical) is None:
                raise ValidationFailed((issue("supplement-unknown", found=canonical),))

    def definition(self, url: str, version: str | None = None) -> JsonObject | None:
        """Return the CodeSystem resource, also one without concepts or a supplement.

        Args:
            url: Canonical without version.
            version: Exactly this one, or the newest that fits ``1.x`` or ``1.0.*``; None: the
                newest.
        """
        if version is None:
            return self._definitions.resource("CodeSystem", url)
        if not is_pattern(version):
            return self._definitions.resource("CodeSystem", f"{url}|{version}")
        fitting = [
            found
            for found in self._definitions.resources("CodeSystem")
            if found.get("url") == url and fits(str(found.get("version", "")), version)
        ]
        return max(fitting, key=lambda found: sort_key(found["version"]), default=None)

    def _compile(
        self, url: str, version: str | None, supplements: tuple[str, ...]
    ) -> CodeSystem | None:
        definition = self.definition(url, version)
        if definition is None:
            built_in = BUILT_IN.get(url)
            return None if built_in is None or version is not None else built_in()
        if definition.get("content") in {"not-present", "supplement"}:
            return None
        return ListedSystem(definition, self._supplements(definition, supplements))

    def _supplements(
        self, definition: JsonObject, supplements: tuple[str, ...]
    ) -> tuple[JsonObject, ...]:
        found = (self._definitions.resource("CodeSystem", canonical) for canonical in supplements)
        return tuple(
            supplement
            for supplement in found
            if supplement is not None and _supplements(supplement, definition)
        )


def _supplements(supplement: JsonObject, definition: JsonObject) -> bool:
    url, version, _ = split_canonical(str(supplement.get("supplements", "")))
    return url == definition["url"] and version in {None, definition.get("version")}
