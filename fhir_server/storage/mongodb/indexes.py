"""The fixed indexes: they serve every search parameter, and a new parameter needs no new one.

Each is here for the queries named beside it; sizes are measured (docs/mongodb.md).
"""

from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

Keys = tuple[tuple[str, int], ...]

TOKENS = "tokens"
STRINGS = "strings"
DATES = "dates"
QUANTITIES = "quantities"
LAST_UPDATED = "last_updated"
PATIENT = "patient"
CREATION = "creation"
SORT_KEYS = "sort_keys"
VERSIONS = "versions"
HISTORY = "history_last_updated"

RESOURCE_INDEXES: Mapping[str, Keys] = {
    TOKENS: (("t", ASCENDING), ("rt", ASCENDING), ("c", DESCENDING)),
    STRINGS: (("rt", ASCENDING), ("s", ASCENDING), ("c", DESCENDING)),
    DATES: (("rt", ASCENDING), ("d.p", ASCENDING), ("d.lo", ASCENDING), ("d.hi", ASCENDING)),
    QUANTITIES: (("q.k", ASCENDING), ("q.lo", ASCENDING), ("q.hi", ASCENDING)),
    LAST_UPDATED: (("rt", ASCENDING), ("lu", DESCENDING), ("c", DESCENDING)),
    PATIENT: (("pk", ASCENDING), ("rt", ASCENDING), ("sd", DESCENDING), ("c", DESCENDING)),
    CREATION: (("rt", ASCENDING), ("c", DESCENDING)),
    SORT_KEYS: (("k.$**", ASCENDING),),
}
"""Beside ``_id``. No ``_id`` in a multikey index: it costs 3.6 times as much as ``c``."""

HISTORY_INDEXES: Mapping[str, Keys] = {
    VERSIONS: (("r", ASCENDING), ("v", DESCENDING)),
    HISTORY: (("rt", ASCENDING), ("lu", DESCENDING), ("c", DESCENDING), ("v", DESCENDING)),
}

BY_COLLECTION: Mapping[str, Mapping[str, Keys]] = {
    "resources": RESOURCE_INDEXES,
    "history": HISTORY_INDEXES,
}


async def create_collections(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Create collections (with zstd blocks) and indexes that are not there yet.

    Transactions cannot create collections on every server version, so all are made beforehand.
    """
    existing = set(await database.list_collection_names())
    for name in ("resources", "history"):
        if name not in existing:
            options = {"wiredTiger": {"configString": "block_compressor=zstd"}}
            await database.create_collection(name, storageEngine=options)
    for name in ("claims", "dict", "pieces", "meta"):
        if name not in existing:
            await database.create_collection(name)
    missing = await missing_indexes(database)
    for collection, indexes in BY_COLLECTION.items():
        if not any(name.startswith(f"{collection}.") for name in missing):
            continue
        models = [IndexModel(list(keys), name=name) for name, keys in indexes.items()]
        await database[collection].create_indexes(models)


async def missing_indexes(database: AsyncDatabase[dict[str, Any]]) -> tuple[str, ...]:
    """Return ``collection.index`` of what should be there and is not, or is with other keys."""
    missing = []
    for collection, indexes in BY_COLLECTION.items():
        present = await database[collection].index_information()
        for name, keys in indexes.items():
            found = present.get(name)
            if found is None or tuple(found["key"]) != keys:
                missing.append(f"{collection}.{name}")
    return tuple(missing)
