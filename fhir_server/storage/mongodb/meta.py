"""What belongs to the whole database: the shared key, notes, a proof that writes get through."""

import secrets
from contextlib import suppress

import pymongo
from pymongo.errors import DuplicateKeyError

from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.mongodb.tokens import starts_with

PROOF_LIMIT_S = 2.0
"""A database that takes longer for a small write is not ready; who asks waits some seconds more."""
_KEY_BYTES = 32
_SHARED_KEY = {"_id": "shared_key"}
_PROOF = {"_id": "proof"}
_NOTE = "note/"
"""Begins the names of notes, so that they keep apart from the rest."""


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


async def read_notes(handle: Handle, prefix: str) -> dict[str, bytes]:
    """Return the notes whose names begin with ``prefix``.

    Raises:
        PyMongoError: The database cannot be used.
    """
    found = handle.database["meta"].find({"_id": starts_with(_NOTE + prefix)})
    return {note["_id"].removeprefix(_NOTE): bytes(note["value"]) async for note in found}


async def write_note(handle: Handle, name: str, value: bytes | None) -> None:
    """Keep a note; None: forget it.

    Raises:
        PyMongoError: It is not known to be kept.
    """
    meta, identity = handle.database["meta"], {"_id": _NOTE + name}
    if value is None:
        await meta.delete_one(identity)
    else:
        await meta.replace_one(identity, {"value": value}, upsert=True)
