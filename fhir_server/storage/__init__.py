"""Storage: what every backend can do. The backends themselves are picked by ``app.py`` alone."""

from fhir_server.storage.copying import Digest, copy_store, digests
from fhir_server.storage.job import Job, JobEnd, JobStore
from fhir_server.storage.store import (
    AlreadyExists,
    ChangeBatch,
    ChangesLost,
    ExplainedStep,
    HistoryPage,
    HistoryQuery,
    Purge,
    ResourceStore,
    SearchPage,
    StaleWrite,
    StoredChange,
    StoredVersion,
    StoreHealth,
    Write,
    WriteMethod,
)

__all__ = [
    "AlreadyExists",
    "ChangeBatch",
    "ChangesLost",
    "Digest",
    "ExplainedStep",
    "HistoryPage",
    "HistoryQuery",
    "Job",
    "JobEnd",
    "JobStore",
    "Purge",
    "ResourceStore",
    "SearchPage",
    "StaleWrite",
    "StoreHealth",
    "StoredChange",
    "StoredVersion",
    "Write",
    "WriteMethod",
    "copy_store",
    "digests",
]
