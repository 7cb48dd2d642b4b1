"""Commits: single writes coalesced, bundles in a transaction, conditional creates behind a claim.

Write concern is majority with journal: what is acknowledged survives the loss of a member. Creates
go out as one bulk of inserts; updates move the old version to the history and replace the current
one in a transaction, so that both are seen at once. A standalone server has no transactions: there
the order is history, current, and a fault between them leaves a history entry equal to the current
version, which readers leave out and the next update writes anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bson.errors import InvalidDocument
from pymongo import InsertOne, ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, PyMongoError

from fhir_server.model import NotSupported
from fhir_server.search import IndexValues, SearchQuery
from fhir_server.storage.mongodb.bodies import Bodies, check_size
from fhir_server.storage.mongodb.claims import Claims
from fhir_server.storage.mongodb.creation import CreationNumbers
from fhir_server.storage.mongodb.dictionary import DUPLICATE_KEY, Dictionary
from fhir_server.storage.mongodb.document import (
    Document,
    current_document,
    key,
    superseded_document,
)
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.mongodb.transactions import Transactions
from fhir_server.storage.store import AlreadyExists, StaleWrite, Write

MAX_COALESCED = 250
MAX_COALESCED_BYTES = 8_000_000

Waiting = tuple[Write, asyncio.Future[None]]
Session = AsyncClientSession | None
HasMatch = Callable[[SearchQuery, Session], Awaitable[bool]]


class Committer:
    """Makes writes durable, all of a commit or none.

    Args:
        handle: The collections.
        dictionary: Where distinct values are noted first.
        bodies: Where long bodies are put first.
        has_match: Says whether a query matches anything.
    """

    def __init__(
        self, handle: Handle, dictionary: Dictionary, bodies: Bodies, has_match: HasMatch
    ) -> None:
        self._handle = handle
        self._dictionary = dictionary
        self._bodies = bodies
        self._has_match = has_match
        self._transactions = Transactions(handle)
        self._claims = Claims(handle)
        self._numbers = CreationNumbers()
        self._waiting: list[Waiting] = []
        self._flushing: asyncio.Task[None] | None = None

    async def commit(self, writes: Sequence[Write]) -> None:
        """Make all writes durable, or none; see `ResourceStore.commit`."""
        if not writes:
            return
        if len(writes) > 1 and not self._handle.has_transactions:
            raise NotSupported.of("store-without-transactions", found=len(writes))
        for write in writes:
            check_size(write)
        if len(writes) == 1 and writes[0].unless is None:
            await self._coalesced(writes[0])
        elif self._handle.has_transactions:
            await self._note(writes)
            await self._together(writes)
        else:
            await self._leased(writes[0])

    async def finish(self) -> None:
        """Wait for what is under way."""
        if self._flushing is not None:
            await self._flushing

    async def _coalesced(self, write: Write) -> None:
        """Wait with others for one bulk write (162 µs of mongod a create, not 450)."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, done))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = distinct_batch(self._waiting)
                creates = [entry for entry in batch if entry[0].version.version_id == 1]
                updates = [entry for entry in batch if entry[0].version.version_id > 1]
                await asyncio.gather(self._settled(creates), self._settled(updates))
        finally:
            self._flushing = None

    async def _settled(self, batch: list[Waiting]) -> None:
        """Write a batch and tell each waiting commit what became of its write."""
        if not batch:
            return
        try:
            stale = await self._write_batch([write for write, _ in batch])
        except (PyMongoError, InvalidDocument) as error:
            for _, done in batch:
                _settle(done, error)
            return
        for index, (_, done) in enumerate(batch):
            _settle(done, StaleWrite(0) if index in stale else None)

    async def _note(self, writes: Sequence[Write]) -> None:
        await self._dictionary.note(
            (write.version.resource_type, write.values or IndexValues()) for write in writes
        )

    async def _write_batch(self, writes: list[Write]) -> set[int]:
        await self._note(writes)
        if writes[0].version.version_id == 1 or not self._handle.has_transactions:
            stale = await self._apply(writes, None)
        else:
            stale = await self._transactions.run(
                lambda session: self._apply(writes, session), writes=len(writes)
            )
        if stale:
            await self._handle.wait_until_settled()
        return stale

    async def _together(self, writes: Sequence[Write]) -> None:
        async def attempt(session: AsyncClientSession) -> None:
            for index, write in enumerate(writes):
                if write.unless is not None:
                    await self._claims.touch(write.unless, session)
                    if await self._has_match(write.unless, session):
                        raise AlreadyExists(index)
            stale = await self._apply(writes, session, is_whole=True)
            if stale:
                raise StaleWrite(min(stale))

        try:
            await self._transactions.run(attempt, writes=len(writes))
        except (AlreadyExists, StaleWrite):
            await self._handle.wait_until_settled()
            raise

    async def _leased(self, write: Write) -> None:
        if write.unless is None:
            raise ValueError("only conditional creates need a lease")
        async with self._claims.lease(write.unless):
            if await self._has_match(write.unless, None):
                raise AlreadyExists(0)
            await self._coalesced(write)

    async def _apply(
        self, writes: Sequence[Write], session: Session, *, is_whole: bool = False
    ) -> set[int]:
        """Write history, then current documents; return the indexes of stale writes.

        Args:
            writes: Each of another resource.
            session: Of a transaction; None: without.
            is_whole: Whether one stale write is enough to write nothing.
        """
        current = await self._current(writes, session)
        stale = {
            index
            for index, write in enumerate(writes)
            if int(current.get(_identity(write), {}).get("v", 0)) != write.version.version_id - 1
        }
        if stale and is_whole:
            return stale
        fresh = [(i, write) for i, write in enumerate(writes) if i not in stale]
        if not fresh:
            return stale
        documents = [
            await self._document(write, current.get(_identity(write))) for _, write in fresh
        ]
        await self._keep_history([w for _, w in fresh], current, session)
        return stale | await self._replace(fresh, documents, current, session)

    async def _document(self, write: Write, before: Document | None) -> Document:
        number = int(before["c"]) if before is not None else self._numbers.next()
        return await self._bodies.stored_apart(current_document(write, number))

    async def _current(self, writes: Sequence[Write], session: Session) -> Mapping[str, Document]:
        """The documents that the writes replace; creates need no look, a second one fails."""
        wanted = [_identity(write) for write in writes if write.version.version_id > 1]
        if not wanted:
            return {}
        shown = {"v": 1, "lu": 1, "m": 1, "c": 1, "j": 1, "b": 1, "rt": 1, "dt": 1}
        cursor = self._handle.resources.find({"_id": {"$in": wanted}}, shown, session=session)
        return {document["_id"]: document for document in await cursor.to_list()}

    async def _keep_history(
        self, writes: list[Write], current: Mapping[str, Document], session: Session
    ) -> None:
        entries = [
            superseded_document(current[identity], write.version.last_updated)
            for write in writes
            if (identity := _identity(write)) in current
        ]
        if not entries:
            return
        operations = [
            ReplaceOne({"_id": entry["_id"], "r": entry["r"]}, entry, upsert=True)
            for entry in entries
        ]
        await self._handle.history.bulk_write(operations, ordered=False, session=session)

    async def _replace(
        self,
        fresh: list[tuple[int, Write]],
        documents: list[Document],
        current: Mapping[str, Document],
        session: Session,
    ) -> set[int]:
        operations: list[InsertOne[Document] | ReplaceOne[Document]] = [
            ReplaceOne({"_id": document["_id"], "v": before["v"]}, document)
            if (before := current.get(document["_id"])) is not None
            else InsertOne(document)
            for document in documents
        ]
        try:
            result = await self._handle.resources.bulk_write(
                operations, ordered=False, session=session
            )
        except BulkWriteError as error:
            duplicates = {fresh[i][0] for i in _duplicates(error)}
            return duplicates if session else duplicates | await self._lost(fresh, current)
        replaced = sum(isinstance(operation, ReplaceOne) for operation in operations)
        return set() if result.matched_count == replaced else await self._lost(fresh, current)

    async def _lost(
        self, fresh: list[tuple[int, Write]], current: Mapping[str, Document]
    ) -> set[int]:
        """Which updates met another version: their document is not the written one."""
        updates = [(i, write) for i, write in fresh if _identity(write) in current]
        identities = [_identity(write) for _, write in updates]
        cursor = self._handle.resources.find({"_id": {"$in": identities}}, {"v": 1, "j": 1})
        found: dict[str, Any] = {document["_id"]: document for document in await cursor.to_list()}
        return {i for i, write in updates if not _is_written(write, found.get(_identity(write)))}


def distinct_batch(waiting: list[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
    """Take what can go together: each resource at most once, the rest in order next time."""
    batch: list[Waiting] = []
    rest: list[Waiting] = []
    taken: set[str] = set()
    size = 0
    for entry in waiting:
        identity = _identity(entry[0])
        if identity in taken or len(batch) >= MAX_COALESCED or size > MAX_COALESCED_BYTES:
            rest.append(entry)
        else:
            taken.add(identity)
            batch.append(entry)
            size += len(entry[0].version.body or b"")
    return batch, rest


def _identity(write: Write) -> str:
    return key(write.version.resource_type, write.version.logical_id)


def _is_written(write: Write, found: Document | None) -> bool:
    if found is None or int(found["v"]) != write.version.version_id:
        return False
    return "b" in found or found.get("j") == write.version.body


def _duplicates(error: BulkWriteError) -> set[int]:
    """Operations that met an existing id; any other error is raised."""
    errors = error.details["writeErrors"]
    if any(e["code"] != DUPLICATE_KEY for e in errors) or error.details["writeConcernErrors"]:
        raise error
    return {int(e["index"]) for e in errors}


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
