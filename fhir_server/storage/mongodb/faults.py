"""Faults of the database, told as what they mean for the client; nothing else of it is told."""

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import InvalidDocument
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from fhir_server.model import TooCostly, TooLarge, Unavailable

MAX_TIME_MS_EXPIRED = 50
OUT_OF_DISK_SPACE = 14031
BSON_TOO_LARGE = 10334
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
RETRY_AFTER_S = "2"
AUTHENTICATION_FAILED = frozenset({13, 18})
HINT_WITHOUT_INDEX = "hint provided does not correspond to an existing index"


@contextmanager
def reading(limit_ms: int) -> Iterator[None]:
    """Raise `TooCostly` where a query takes too long, `Unavailable` for other faults."""
    try:
        yield
    except PyMongoError as error:
        if is_time_limit(error):
            raise TooCostly.of("search-too-slow", expected=f"{limit_ms / 1000:g}") from error
        raise unavailable(error) from error


@contextmanager
def writing() -> Iterator[None]:
    """Raise `TooLarge` for what no document can hold, `Unavailable` for other faults."""
    try:
        yield
    except (DocumentTooLarge, InvalidDocument) as error:
        raise too_large() from error
    except PyMongoError as error:
        if BSON_TOO_LARGE in _codes(error):
            raise too_large() from error
        raise unavailable(error) from error


def is_time_limit(error: PyMongoError) -> bool:
    """Say whether the database gave up because of ``maxTimeMS``."""
    return isinstance(error, ExecutionTimeout) or MAX_TIME_MS_EXPIRED in _codes(error)


def unavailable(error: PyMongoError | None = None) -> Unavailable:
    """The database does not answer as it should."""
    rule = "store-full" if error is not None and OUT_OF_DISK_SPACE in _codes(error) else ""
    refusal = Unavailable.of(rule or "store-unavailable")
    return Unavailable(refusal.issues, {"Retry-After": RETRY_AFTER_S})


def too_large(found: object = "…") -> TooLarge:
    """One resource is more than a document can hold."""
    return TooLarge.of("store-body-too-large", found=found, expected=MAX_DOCUMENT_BYTES)


def reason(error: Exception) -> str:
    """Say in a few words for operators what is wrong, without addresses and passwords."""
    codes = _codes(error) if isinstance(error, PyMongoError) else set()
    if codes & AUTHENTICATION_FAILED:
        return "user or password is wrong, or the user may not use this database"
    if OUT_OF_DISK_SPACE in codes:
        return "the disk of the database is full"
    if isinstance(error, ServerSelectionTimeoutError):
        return "no server answers at the address, or none of them is primary"
    if isinstance(error, PyMongoError) and error.timeout:
        return "the database does not answer in time"
    if isinstance(error, ConnectionFailure):
        return "the connection was lost"
    return f"{type(error).__name__}"


def _codes(error: PyMongoError) -> set[int]:
    if isinstance(error, BulkWriteError):
        found = [
            *error.details.get("writeErrors", ()),
            *error.details.get("writeConcernErrors", ()),
        ]
        return {int(e.get("code", 0)) for e in found}
    if isinstance(error, OperationFailure) and error.code is not None:
        return {error.code}
    return set()
