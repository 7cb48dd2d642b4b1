"""Operations: ``$name``, one module each, and the one table of them."""

from fhir_server.interaction import Operation
from fhir_server.operation.convert import CONVERT
from fhir_server.operation.diff import DIFF
from fhir_server.operation.document import DOCUMENT
from fhir_server.operation.everything import EVERYTHING
from fhir_server.operation.export import EXPORT
from fhir_server.operation.expunge import EXPUNGE
from fhir_server.operation.fhirpath import FHIRPATH
from fhir_server.operation.graphql import GRAPHQL
from fhir_server.operation.lastn import LASTN
from fhir_server.operation.meta import META_OPERATIONS
from fhir_server.operation.reindex import REINDEX
from fhir_server.operation.snapshot import SNAPSHOT
from fhir_server.operation.stats import STATS
from fhir_server.operation.terminology import TERMINOLOGY_OPERATIONS
from fhir_server.operation.validate import VALIDATE

OPERATIONS: tuple[Operation, ...] = (
    VALIDATE,
    EVERYTHING,
    EXPORT,
    EXPUNGE,
    FHIRPATH,
    SNAPSHOT,
    CONVERT,
    DIFF,
    DOCUMENT,
    GRAPHQL,
    LASTN,
    REINDEX,
    STATS,
    *META_OPERATIONS,
    *TERMINOLOGY_OPERATIONS,
)
"""Every operation on offer; the dispatcher and the CapabilityStatement are made from it."""

__all__ = ["OPERATIONS"]
