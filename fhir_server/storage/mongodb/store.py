"""The MongoDB store: `ResourceStore` on PyMongo's async API.

Layout and figures: docs/mongodb.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhir_server.model import LogicalId, ResourceType, VersionId
from fhir_server.search import SearchQuery
from fhir_server.storage.mongodb.committing import Committer
from fhir_server.storage.mongodb.dictionary import Dictionary
from fhir_server.storage.mongodb.document import key, stored_version, version_key
from fhir_server.storage.mongodb.faults import unavailable, with_faults
from fhir_server.storage.mongodb.history import Historian
from fhir_server.storage.mongodb.indexes import create_collections, missing_indexes
from fhir_server.storage.mongodb.searching import Searcher
from fhir_server.storage.store import (
    HistoryPage,
    HistoryQuery,
    SearchPage,
    StoredVersion,
    StoreHealth,
    Write,
)

MINIMUM_VERSION = (6, 0)
DEFAULT_DATABASE = "fhir"
_VERSION_FIELDS = {"v": 1, "lu": 1, "m": 1, "j": 1}


async def open_mongodb(
    url: str, *, timeout_ms: int = 5_000, create_indexes: bool = True
) -> "MongoStore":
    """Connect, verify the server and its indexes, and return the store.

    Args:
        url: Connection string; its path names the database (``fhir`` where there is none).
        timeout_ms: Longest time for the server to be found and for one query.
        create_indexes: Make what is missing; else the store only reports it.

    Raises:
        Unavailable: No server answers, the password is wrong, or the server is too old.
    """
    try:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            url,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            socketTimeoutMS=4 * timeout_ms,
            appname="fhir-server",
            tz_aware=True,
        )
    except (PyMongoError, ValueError) as error:
        raise unavailable() from error
    try:
        hello = await client.admin.command("hello")
        version = tuple((await client.server_info())["versionArray"][:2])
        if version < MINIMUM_VERSION:
            raise unavailable()
        store = MongoStore(client, _database_name(client), hello, timeout_ms)
        if create_indexes:
            await store.create_indexes()
    except PyMongoError as error:
        await client.close()
        raise unavailable() from error
    return store


def _database_name(client: AsyncMongoClient[dict[str, Any]]) -> str:
    try:
        return client.get_default_database(DEFAULT_DATABASE).name
    except ConfigurationError:
        return DEFAULT_DATABASE


class MongoStore:
    """Versions in ``resources`` (current) and ``history`` (superseded)."""

    def __init__(
        self,
        client: AsyncMongoClient[dict[str, Any]],
        database_name: str,
        hello: Mapping[str, Any],
        timeout_ms: int,
    ) -> None:
        self._client = client
        self._database = client.get_database(
            database_name,
            write_concern=WriteConcern(w="majority", j=True),
            read_concern=ReadConcern("local"),
        )
        self._has_transactions = "setName" in hello or hello.get("msg") == "isdbgrid"
        self._resources = self._database["resources"]
        self._history = self._database["history"]
        self._dictionary = Dictionary(self._database["dict"])
        self._searcher = Searcher(self._resources, self._dictionary, timeout_ms)
        self._historian = Historian(self._resources, self._history, self._dictionary, timeout_ms)
        self._committer = Committer(
            client,
            self._database,
            self._dictionary,
            has_transactions=self._has_transactions,
            max_time_ms=timeout_ms,
        )

    async def create_indexes(self) -> None:
        """Create the collections and indexes that are missing."""
        await create_collections(self._database)

    @with_faults
    async def read(
        self, resource_type: ResourceType, logical_id: LogicalId
    ) -> StoredVersion | None:
        """See `ResourceStore.read`."""
        found = await self._resources.find_one(
            {"_id": key(resource_type, logical_id)}, _VERSION_FIELDS
        )
        return None if found is None else stored_version(found)

    @with_faults
    async def read_many(
        self, keys: Sequence[tuple[ResourceType, LogicalId]]
    ) -> dict[tuple[ResourceType, LogicalId], StoredVersion]:
        """See `ResourceStore.read_many`."""
        if not keys:
            return {}
        wanted = [key(resource_type, logical_id) for resource_type, logical_id in set(keys)]
        cursor = self._resources.find({"_id": {"$in": wanted}}, _VERSION_FIELDS)
        versions = [stored_version(document) for document in await cursor.to_list()]
        return {(version.resource_type, version.logical_id): version for version in versions}

    @with_faults
    async def vread(
        self, resource_type: ResourceType, logical_id: LogicalId, version_id: VersionId
    ) -> StoredVersion | None:
        """See `ResourceStore.vread`."""
        current = await self.read(resource_type, logical_id)
        if current is None or current.version_id == version_id:
            return current
        found = await self._history.find_one(
            {"_id": version_key(resource_type, logical_id, version_id)}, _VERSION_FIELDS
        )
        return None if found is None else stored_version(found)

    @with_faults
    async def commit(self, writes: Sequence[Write]) -> None:
        """See `ResourceStore.commit`."""
        await self._committer.commit(writes)

    @with_faults
    async def search(self, query: SearchQuery) -> SearchPage:
        """See `ResourceStore.search`."""
        return await self._searcher.page(query)

    @with_faults
    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `ResourceStore.history`."""
        return await self._historian.page(query)

    @with_faults
    async def explain(self, query: SearchQuery) -> Mapping[str, Any]:
        """Return the database's account of how it answers the first page of a search."""
        return await self._searcher.explain(query)

    async def health(self) -> StoreHealth:
        """See `ResourceStore.health`."""
        try:
            await self._database.command("ping", maxTimeMS=1_000)
            missing = await missing_indexes(self._database)
        except (PyMongoError, OperationFailure):
            return StoreHealth(is_ready=False, description="MongoDB does not answer")
        notes = tuple(f"index {name} is missing: run store create-indexes" for name in missing)
        if not self._has_transactions:
            notes += (
                "standalone server: transaction bundles are refused until it is a replica set",
            )
        return StoreHealth(is_ready=not missing, description="MongoDB", notes=notes)

    async def close(self) -> None:
        """See `ResourceStore.close`."""
        await self._client.close()
