"""Value sets that nobody wrote down: all codes of a system, or all below one of them.

Spec: https://hl7.org/fhir/R4/codesystem-definitions.html#CodeSystem.valueSet; the form of the urls:
https://hl7.org/fhir/R4/snomedct.html#implicit
"""

from fhir_server.model import JsonObject, split_canonical
from fhir_server.terminology.systems import CodeSystems, Definitions

_MARK = "?fhir_vs"
_BELOW = "=isa/"


class ImplicitValueSets:
    """Value sets by ``CodeSystem.valueSet``, ``[system]?fhir_vs`` or ``?fhir_vs=isa/[code]``."""

    def __init__(self, definitions: Definitions, systems: CodeSystems) -> None:
        self._definitions = definitions
        self._systems = systems
        self._by_value_set: dict[str, str] | None = None

    def find(self, url: str, version: str | None) -> JsonObject | None:
        """Return the ValueSet that the url stands for; None: none."""
        system, mark, wanted = url.partition(_MARK)
        if not mark:
            known = self._index().get(url)
            if known is None:
                return None
            system = known
        if self._systems.find(system, version) is None:
            return None
        include: JsonObject = {"system": system, **({"version": version} if version else {})}
        if wanted.startswith(_BELOW):
            code = wanted.removeprefix(_BELOW)
            include["filter"] = [{"property": "concept", "op": "is-a", "value": code}]
        elif wanted:
            return None
        return {
            "resourceType": "ValueSet",
            "url": url,
            **({"version": version} if version else {}),
            "status": "active",
            "compose": {"include": [include]},
        }

    def _index(self) -> dict[str, str]:
        if self._by_value_set is None:
            self._by_value_set = {
                split_canonical(definition["valueSet"])[0]: definition["url"]
                for definition in self._definitions.resources("CodeSystem")
                if "valueSet" in definition and "url" in definition
            }
        return self._by_value_set
