"""The MongoDB store: `ResourceStore` on PyMongo's async API.

Layout and figures: docs/mongodb.md.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

import pymongo
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from fhir_server.model import LogicalId, NotSupported, ResourceType, VersionId
from fhir_server.search import IndexValues, SearchQuery
from fhir_server.storage.mongodb.bodies import Bodies
from fhir_server.storage.mongodb.committing import Committer
from fhir_server.storage.mongodb.dictionary import Dictionary
from fhir_server.storage.mongodb.document import key, stored_version, version_key
from fhir_server.storage.mongodb.faults import reading, reason, writing
from fhir_server.storage.mongodb.feed import follow
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.mongodb.history import Historian
from fhir_server.storage.mongodb.indexes import missing_indexes
from fhir_server.storage.mongodb.jobs import MongoJobs
from fhir_server.storage.mongodb.linking import has_links
from fhir_server.storage.mongodb.lookups import VERSION_FIELDS, Lookups
from fhir_server.storage.mongodb.meta import (
    PROOF_LIMIT_S,
    prove_writes,
    read_notes,
    shared_key,
    write_note,
)
from fhir_server.storage.mongodb.probes import Probes
from fhir_server.storage.mongodb.purging import Purger
from fhir_server.storage.mongodb.reindexing import reindex
from fhir_server.storage.mongodb.replacing import Replacer
from fhir_server.storage.mongodb.searching import Searcher
from fhir_server.storage.store import (
    ChangeBatch,
    ExplainedStep,
    HistoryPage,
    HistoryQuery,
    Purge,
    SearchPage,
    StoredVersion,
    StoreHealth,
    Write,
)

STANDALONE_NOTE = (
    "standalone MongoDB: transaction bundles are refused; make it a replica set "
    "(mongod --replSet rs0, then rs.initiate())"
)


class MongoStore:
    """Versions in ``resources`` (current) and ``history`` (superseded).

    Args:
        handle: The database.
        proves_writes: Whether `health` tries that writes get through; else it changes nothing.
    """

    def __init__(self, handle: Handle, *, proves_writes: bool = True) -> None:
        self._handle = handle
        self._proves_writes = proves_writes
        self._bodies = Bodies(handle)
        self._probes = Probes()
        self.jobs = MongoJobs(handle)
        self._dictionary = Dictionary(handle.database["dict"])
        self._lookups = Lookups(handle)
        self._purger = Purger(handle, self._dictionary, self._lookups)
        replacer = Replacer(handle, self._bodies, self._lookups)
        self._committer = Committer(handle, self._dictionary, replacer, self._has_match)

    async def read(
        self, resource_type: ResourceType, logical_id: LogicalId
    ) -> StoredVersion | None:
        """See `ResourceStore.read`."""
        with reading(self._handle.timeout_ms):
            found = await self._lookups.one(key(resource_type, logical_id))
            return None if found is None else await self._version(found)

    async def read_many(
        self, keys: Sequence[tuple[ResourceType, LogicalId]]
    ) -> dict[tuple[ResourceType, LogicalId], StoredVersion]:
        """See `ResourceStore.read_many`."""
        if not keys:
            return {}
        wanted = [key(resource_type, logical_id) for resource_type, logical_id in set(keys)]
        with reading(self._handle.timeout_ms):
            documents = await self._bodies.whole(await self._lookups.several(wanted))
        versions = [stored_version(document) for document in documents]
        return {(version.resource_type, version.logical_id): version for version in versions}

    async def vread(
        self, resource_type: ResourceType, logical_id: LogicalId, version_id: VersionId
    ) -> StoredVersion | None:
        """See `ResourceStore.vread`."""
        current = await self.read(resource_type, logical_id)
        if current is None or current.version_id <= version_id:
            return current if current and current.version_id == version_id else None
        with reading(self._handle.timeout_ms):
            asked = {
                "_id": version_key(resource_type, logical_id, version_id),
                "r": key(resource_type, logical_id),  # the shard key: only one shard is asked
            }
            found = await self._handle.history.find_one(asked, VERSION_FIELDS)
            return None if found is None else await self._version(found)

    async def commit(self, writes: Sequence[Write]) -> None:
        """See `ResourceStore.commit`."""
        with writing():
            await self._committer.commit(writes)

    async def reindex(self, found: Sequence[tuple[StoredVersion, IndexValues]]) -> None:
        """See `ResourceStore.reindex`."""
        with writing():
            await reindex(self._handle, self._dictionary, found)

    async def purge(self, asked: Purge) -> int:
        """See `ResourceStore.purge`."""
        with writing():
            return await self._purger.purge(asked)

    async def search(self, query: SearchQuery) -> SearchPage:
        """See `ResourceStore.search`."""
        with reading(self._handle.timeout_ms):
            if is_one_query(query):
                return await self._searcher().page(query)
            async with self._handle.one_moment() as session:
                return await self._searcher(session).page(query)

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `ResourceStore.history`."""
        with reading(self._handle.timeout_ms):
            async with self._handle.one_moment() as session:
                historian = Historian(self._handle, self._dictionary, self._bodies, session)
                return await historian.page(query)

    async def explain(self, query: SearchQuery) -> tuple[ExplainedStep, ...]:
        """See `ResourceStore.explain`."""
        steps: list[ExplainedStep] = []
        with reading(self._handle.timeout_ms):
            await Searcher(self._handle, self._dictionary, self._bodies, None, steps=steps).page(
                query
            )
        return tuple(steps)

    def changes(
        self, resource_types: Collection[str] = (), after: str | None = None
    ) -> AsyncIterator[ChangeBatch]:
        """See `ResourceStore.changes`."""
        if not self._handle.has_transactions:
            raise NotSupported.of("store-without-changes")
        return follow(self._handle, resource_types, after)

    async def notes(self, prefix: str) -> dict[str, bytes]:
        """See `ResourceStore.notes`."""
        with reading(self._handle.timeout_ms):
            return await read_notes(self._handle, prefix)

    async def note(self, name: str, value: bytes | None) -> None:
        """See `ResourceStore.note`."""
        with writing():
            await write_note(self._handle, name, value)

    async def shared_key(self) -> bytes:
        """See `ResourceStore.shared_key`."""
        with writing():
            return await shared_key(self._handle)

    async def health(self) -> StoreHealth:
        """See `ResourceStore.health`."""
        try:
            if self._proves_writes:
                await prove_writes(self._handle)
            with pymongo.timeout(PROOF_LIMIT_S):
                missing = await missing_indexes(self._handle.database)
        except PyMongoError as error:
            return StoreHealth(is_ready=False, description="MongoDB", notes=(reason(error),))
        notes = tuple(f"index {name} is missing: run store create-indexes" for name in missing)
        if not self._handle.has_transactions:
            notes += (STANDALONE_NOTE,)
        return StoreHealth(is_ready=not missing, description="MongoDB", notes=notes)

    async def close(self) -> None:
        """See `ResourceStore.close`."""
        await self._committer.finish()
        await self._handle.client.close()

    async def _version(self, document: dict[str, Any]) -> StoredVersion:
        (whole,) = await self._bodies.whole([document])
        return stored_version(whole)

    def _searcher(self, session: AsyncClientSession | None = None) -> Searcher:
        return Searcher(self._handle, self._dictionary, self._bodies, session, probes=self._probes)

    async def _has_match(self, query: SearchQuery, session: AsyncClientSession | None) -> bool:
        return await self._searcher(session).has_match(query)


def is_one_query(query: SearchQuery) -> bool:
    """Say whether one query of the database answers it, so that it is of one moment anyway."""
    is_page_alone = query.total == "none" or query.page_count == 0
    return is_page_alone and not query.sort and not has_links(query.where)
