"""The change feed: a change stream of the current versions, resumable by its own tokens.

Reference: https://www.mongodb.com/docs/manual/changeStreams/
"""

import re
from collections.abc import AsyncIterator, Collection
from typing import Any

from pymongo.errors import OperationFailure

from fhir_server.model import LogicalId, ResourceType, VersionId
from fhir_server.storage.mongodb.document import TOMBSTONE
from fhir_server.storage.mongodb.faults import reading
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.store import ChangeBatch, ChangesLost, StoredChange

MAX_AWAIT_MS = 1_000
MAX_BATCH = 500
_HISTORY_LOST = frozenset({136, 280, 286})
"""CappedPositionLost, ChangeStreamFatalError, ChangeStreamHistoryLost."""
_BAD_TOKEN = frozenset({9, 260, 50811, 50795})


async def follow(
    handle: Handle, resource_types: Collection[str], after: str | None
) -> AsyncIterator[ChangeBatch]:
    """Yield what is committed after ``after``; None: from now on.

    Raises:
        ChangesLost: The database does not know any more what came after the token.
        Unavailable: The connection was lost; go on with the last token.
    """
    if after is not None and not re.fullmatch("[0-9A-F]+", after):
        raise ChangesLost
    pipeline = [{"$match": _condition(resource_types)}, {"$project": _SHOWN}]
    options: dict[str, Any] = {} if after is None else {"start_after": {"_data": after}}
    with reading(handle.timeout_ms):
        try:
            async with await handle.resources.watch(
                pipeline, max_await_time_ms=MAX_AWAIT_MS, batch_size=MAX_BATCH, **options
            ) as stream:
                yield ChangeBatch(changes=(), token=_token(stream.resume_token))
                while stream.alive:
                    changes = []
                    while (event := await stream.try_next()) is not None:
                        changes.append(_change(event))
                        if len(changes) >= MAX_BATCH:
                            break
                    yield ChangeBatch(changes=tuple(changes), token=_token(stream.resume_token))
        except OperationFailure as error:
            if error.code in _HISTORY_LOST | _BAD_TOKEN:
                raise ChangesLost from error
            raise


_SHOWN = {"documentKey": 1, "fullDocument.v": 1}


def _condition(resource_types: Collection[str]) -> dict[str, Any]:
    made = {"operationType": {"$in": ["insert", "replace"]}}
    if not resource_types:
        return made
    types = {"$in": sorted(resource_types)}
    deleted = {"fullDocument.rt": TOMBSTONE, "fullDocument.dt": types}
    return {**made, "$or": [{"fullDocument.rt": types}, deleted]}


def _change(event: Any) -> StoredChange:
    resource_type, logical_id = event["documentKey"]["_id"].split("/")
    return StoredChange(
        resource_type=ResourceType(resource_type),
        logical_id=LogicalId(logical_id),
        version_id=VersionId(int(event["fullDocument"]["v"])),
    )


def _token(resume_token: Any) -> str:
    return str(resume_token["_data"])
