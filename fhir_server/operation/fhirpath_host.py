"""What expressions ask beyond the resource: stored resources, value sets and profiles.

An evaluation does not wait for a database. It notes what it missed; that is fetched, and it runs
again.

Spec: https://hl7.org/fhir/R4/fhirpath.html#functions
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fhir_server.fhirpath import Node, root_node
from fhir_server.interaction import Knowledge, Services
from fhir_server.model import FhirError, JsonObject, LogicalId, ResourceType, decode_stored
from fhir_server.terminology import subsumes

_RELATIVE = re.compile(r"(?P<type>[A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?")
_MOST_FETCHED = 200


class FhirPathHost:
    """Answers from what is known, and remembers what would have to be fetched.

    Args:
        knowledge: The definitions in force.
        stored: Resources by ``Type/id``; None: it is not here.
        base_url: Of this server: what lies below it is stored here.

    Attributes:
        missing: ``Type/id`` that the evaluation asked for in vain.
    """

    def __init__(
        self, knowledge: Knowledge, stored: Mapping[str, JsonObject | None], base_url: str
    ) -> None:
        self._knowledge = knowledge
        self._stored = stored
        self._base = base_url.rstrip("/") + "/"
        self.missing: set[str] = set()

    def resolve(self, reference: str, node: Node) -> Node | None:
        """Return a stored resource that a relative reference, or one below our base, names."""
        types = self._knowledge.registry.types
        match = _RELATIVE.fullmatch(reference.removeprefix(self._base).partition("|")[0])
        if match is None or match["type"] not in types.resource_types:
            return None
        key = f"{match['type']}/{match['id']}"
        if key not in self._stored:
            self.missing.add(key)
            return None
        resource = self._stored[key]
        return None if resource is None else root_node(resource, types)

    def member_of(self, node: Node, value_set: str) -> bool | None:
        """Say whether one of the codes is in a value set."""
        terminology = self._knowledge.terminology
        verdicts = {
            terminology.validate_code(value_set, system, code).verdict
            for system, code in _codes(node)
        }
        if "member" in verdicts:
            return True
        return None if "not-checked" in verdicts else False

    def subsumes(self, node: Node, other: Node) -> bool | None:
        """Say whether one of the codes is, or is above, one of the other's."""
        systems = self._knowledge.terminology.systems
        verdicts: set[bool] = set()
        for system, code in _codes(node):
            for other_system, other_code in _codes(other):
                if system is None or system != other_system:
                    continue
                try:
                    outcome = subsumes(systems, system, code, other_code)
                except FhirError:
                    continue
                verdicts.add(outcome in {"equivalent", "subsumes"})
        return None if not verdicts else True in verdicts

    def conforms_to(self, node: Node, profile: str) -> bool | None:
        """Say whether a resource meets a profile."""
        if self._knowledge.registry.structure(profile) is None or not isinstance(node.value, dict):
            return None
        issues = self._knowledge.validator.validate(node.value, profiles=(profile,))
        return not any(found.is_error for found in issues)


def _codes(node: Node) -> Iterator[tuple[str | None, str]]:
    """Read the codes of a code, Coding or CodeableConcept."""
    value: Any = node.value
    codings = value.get("coding", (value,)) if isinstance(value, dict) else ({"code": value},)
    for coding in codings:
        if isinstance(coding, dict):
            yield coding.get("system"), str(coding.get("code", ""))


async def fetched(services: Services, wanted: Iterable[str]) -> dict[str, JsonObject | None]:
    """Read stored resources by ``Type/id``; what is not here, or is one too many, is None."""
    found: dict[str, JsonObject | None] = {}
    for count, key in enumerate(sorted(wanted)):
        resource_type, _, logical_id = key.partition("/")
        body = None
        if count < _MOST_FETCHED:
            version = await services.store.read(ResourceType(resource_type), LogicalId(logical_id))
            body = None if version is None else version.body
        found[key] = None if body is None else decode_stored(body)
    return found
