"""What belongs to the database as a whole: the shared key, and a proof that writes get through."""

import secrets
from contextlib import suppress

import pymongo
from pymongo.errors import DuplicateKeyError

from fhir_server.storage.mongodb.handle import Handle

PROOF_LIMIT_S = 2.0
"""A database that takes longer for a small write is not ready; who asks waits some seconds more."""
_KEY_BYTES = 32
_SHARED_KEY = {"_id": "shared_key"}
_PROOF = {"_id": "proof"}


async def shared_key(handle: Handle) -> bytes:
    """Return the random bytes that all processes share; who asks first makes them.

    Raises:
        PyMongoError: The database cannot be used.
    """
    meta = handle.database["meta"]
    made = {"$setOnInsert": {"value": secrets.token_bytes(_KEY_BYTES)}}
    with suppress(DuplicateKeyError):  # another process was faster
        await meta.update_one(_SHARED_KEY, made, upsert=True)
    found = await meta.find_one(_SHARED_KEY) or {}
    return bytes(found["value"])


async def prove_writes(handle: Handle) -> None:
    """Write something small and durable: a ping comes back from a full disk too.

    Raises:
        PyMongoError: It did not get through in time.
    """
    with pymongo.timeout(PROOF_LIMIT_S), suppress(DuplicateKeyError):
        await handle.database["meta"].update_one(_PROOF, {"$inc": {"n": 1}}, upsert=True)
