"""Snapshots: what a profile says in full, from its differential and what it derives from.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from fhir_server.definitions.snapshot.generator import (
    SnapshotGenerator,
    StructureSource,
    snapshot,
)

__all__ = ["SnapshotGenerator", "StructureSource", "snapshot"]
