"""Storage: what every backend can do. The backends themselves are picked by ``app.py`` alone."""

from fhir_server.storage.store import (
    AlreadyExists,
    ExplainedStep,
    HistoryPage,
    HistoryQuery,
    ResourceStore,
    SearchPage,
    StaleWrite,
    StoredVersion,
    StoreHealth,
    Write,
    WriteMethod,
)

__all__ = [
    "AlreadyExists",
    "ExplainedStep",
    "HistoryPage",
    "HistoryQuery",
    "ResourceStore",
    "SearchPage",
    "StaleWrite",
    "StoreHealth",
    "StoredVersion",
    "Write",
    "WriteMethod",
]
