"""Claims: what lets conditional creates with the same criteria meet each other.

Spec: https://hl7.org/fhir/R4/http.html#ccreate

A claim is one of 65,536 documents, chosen by a hash of the criteria, so that there are never more.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from fhir_server.search import SearchQuery
from fhir_server.storage.mongodb.handle import Handle

_PAUSE_S = 0.005
_HASH_BYTES = 2


class Claims:
    """The ``claims`` collection."""

    def __init__(self, handle: Handle) -> None:
        self._collection = handle.database["claims"]
        self._lease_s = 2 * handle.timeout_ms / 1000

    async def touch(self, query: SearchQuery, session: AsyncClientSession) -> None:
        """Write the claim in a transaction.

        Of two transactions one meets a write conflict, tries again, and then sees what the other
        one made.
        """
        claim = {"_id": claim_key(query)}
        await self._collection.update_one(claim, {"$inc": {"n": 1}}, upsert=True, session=session)

    @asynccontextmanager
    async def lease(self, query: SearchQuery) -> AsyncIterator[None]:
        """Hold the claim for a while, where there are no transactions; others wait."""
        claim = f"lease {claim_key(query)}"
        await self._take(claim)
        try:
            yield
        finally:
            await self._collection.delete_one({"_id": claim})

    async def _take(self, claim: str) -> None:
        while True:
            now = time.time()
            free = {"_id": claim, "until": {"$lt": now}}
            taken = {"$set": {"until": now + self._lease_s}}
            try:
                await self._collection.update_one(free, taken, upsert=True)
            except DuplicateKeyError:
                await asyncio.sleep(_PAUSE_S)
            else:
                return


def claim_key(query: SearchQuery) -> str:
    """Return what conditional creates with the same criteria share."""
    text = f"{sorted(query.resource_types)} {query.where!r}"
    return hashlib.blake2b(text.encode(), digest_size=_HASH_BYTES).hexdigest()
