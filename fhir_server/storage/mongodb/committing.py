"""Commits: single writes coalesced, bundles in a transaction, conditional creates behind a claim.

Write concern is majority with journal: what is acknowledged survives the loss of a member. The
order within a change is always the same: dictionary, history, current; a fault between leaves an
entry too many in the dictionary or a history entry equal to the current version, which readers do
not see.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.asynchronous.mongo_client import AsyncMongoClient
from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from fhir_server.model import NotSupported
from fhir_server.search import IndexValues, SearchQuery
from fhir_server.storage.mongodb.dictionary import DUPLICATE_KEY, Dictionary
from fhir_server.storage.mongodb.document import (
    Document,
    current_document,
    key,
    superseded_document,
)
from fhir_server.storage.mongodb.searching import Searcher
from fhir_server.storage.store import AlreadyExists, StaleWrite, Write

MAX_ATTEMPTS = 12
MAX_TRANSACTIONS = 8
"""Transactions at once: more only collide more often (admission gate)."""
MAX_COALESCED = 250
_PAUSE_S = 0.005

Waiting = tuple[Write, asyncio.Future[None]]
_RANDOM_BITS = 12


class Numbers:
    """Creation numbers: microseconds since 1970 and 12 random bits of the process, ever growing.

    Two processes collide only in the same microsecond with the same bits; then a page boundary that
    falls between the two resources shows one of them late.
    """

    def __init__(self) -> None:
        self._bits = random.getrandbits(_RANDOM_BITS)
        self._last = 0

    def next(self) -> int:
        """Return a number greater than all before."""
        now = ((time.time_ns() // 1_000) << _RANDOM_BITS) | self._bits
        self._last = max(now, self._last + (1 << _RANDOM_BITS))
        return self._last


class Committer:
    """Makes writes durable, all of a commit or none."""

    def __init__(
        self,
        client: AsyncMongoClient[dict[str, Any]],
        database: AsyncDatabase[dict[str, Any]],
        dictionary: Dictionary,
        *,
        has_transactions: bool,
        max_time_ms: int,
    ) -> None:
        self._client = client
        self._resources = database["resources"]
        self._history = database["history"]
        self._claims = database["claims"]
        self._dictionary = dictionary
        self._has_transactions = has_transactions
        self._max_time_ms = max_time_ms
        self._numbers = Numbers()
        self._gate = asyncio.Semaphore(MAX_TRANSACTIONS)
        self._waiting: list[Waiting] = []
        self._flushing: asyncio.Task[None] | None = None

    async def commit(self, writes: Sequence[Write]) -> None:
        """Make all writes durable, or none; see `ResourceStore.commit`."""
        if not writes:
            return
        await self._dictionary.note(
            (write.version.resource_type, write.values or IndexValues()) for write in writes
        )
        if len(writes) == 1 and writes[0].unless is None:
            await self._coalesced(writes[0])
        elif self._has_transactions:
            await self._in_transaction(writes)
        elif len(writes) == 1:
            await self._leased(writes[0])
        else:
            raise NotSupported.of("store-without-transactions")

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
                batch, self._waiting = self._distinct_batch()
                await self._write_batch(batch)
        finally:
            self._flushing = None

    def _distinct_batch(self) -> tuple[list[Waiting], list[Waiting]]:
        """Take what can go together: each resource at most once, the rest in order next time."""
        batch: list[Waiting] = []
        rest: list[Waiting] = []
        taken: set[str] = set()
        for entry in self._waiting:
            identity = _identity(entry[0])
            if identity in taken or len(batch) >= MAX_COALESCED:
                rest.append(entry)
            else:
                taken.add(identity)
                batch.append(entry)
        return batch, rest

    async def _write_batch(self, batch: list[Waiting]) -> None:
        writes = [write for write, _ in batch]
        try:
            stale = await self._apply(writes, None)
        except PyMongoError as error:
            for _, done in batch:
                _settle(done, error)
            return
        for index, (_, done) in enumerate(batch):
            _settle(done, StaleWrite(0) if index in stale else None)

    async def _apply(self, writes: Sequence[Write], session: AsyncClientSession | None) -> set[int]:
        """Write history, then current documents; return the indexes of stale writes."""
        current = await self._current(writes, session)
        stale = {
            index
            for index, write in enumerate(writes)
            if int(current.get(_identity(write), {}).get("v", 0)) != write.version.version_id - 1
        }
        if stale and session is not None:
            return stale
        fresh = [(i, write) for i, write in enumerate(writes) if i not in stale]
        await self._keep_history([w for _, w in fresh], current, session)
        return stale | await self._replace(fresh, current, session)

    async def _current(
        self, writes: Sequence[Write], session: AsyncClientSession | None
    ) -> Mapping[str, Document]:
        """The documents that the writes replace; creates of fresh ids need no look."""
        wanted = [_identity(write) for write in writes if write.version.version_id > 1]
        if not wanted:
            return {}
        shown = {"v": 1, "lu": 1, "m": 1, "c": 1, "j": 1, "rt": 1, "dt": 1}
        cursor = self._resources.find({"_id": {"$in": wanted}}, shown, session=session)
        return {document["_id"]: document for document in await cursor.to_list()}

    async def _keep_history(
        self,
        writes: list[Write],
        current: Mapping[str, Document],
        session: AsyncClientSession | None,
    ) -> None:
        entries = [
            superseded_document(current[identity], write.version.last_updated)
            for write in writes
            if (identity := _identity(write)) in current
        ]
        if not entries:
            return
        operations = [
            UpdateOne({"_id": entry["_id"]}, {"$setOnInsert": _without_id(entry)}, upsert=True)
            for entry in entries
        ]
        await self._history.bulk_write(operations, ordered=False, session=session)

    async def _replace(
        self,
        fresh: list[tuple[int, Write]],
        current: Mapping[str, Document],
        session: AsyncClientSession | None,
    ) -> set[int]:
        operations: list[InsertOne[Document] | ReplaceOne[Document]] = []
        for _, write in fresh:
            before = current.get(_identity(write))
            number = int(before["c"]) if before is not None else self._numbers.next()
            document = current_document(write, number)
            if before is None:
                operations.append(InsertOne(document))
            else:
                filter_ = {"_id": document["_id"], "v": before["v"]}
                operations.append(ReplaceOne(filter_, document))
        if not operations:
            return set()
        try:
            result = await self._resources.bulk_write(operations, ordered=False, session=session)
        except BulkWriteError as error:
            return {fresh[i][0] for i in _duplicates(error)} | await self._lost(fresh, current)
        replaced = sum(isinstance(operation, ReplaceOne) for operation in operations)
        return set() if result.matched_count == replaced else await self._lost(fresh, current)

    async def _lost(
        self, fresh: list[tuple[int, Write]], current: Mapping[str, Document]
    ) -> set[int]:
        """Which updates met another version: their document is not the written one."""
        updates = [(i, write) for i, write in fresh if _identity(write) in current]
        identities = [_identity(write) for _, write in updates]
        cursor = self._resources.find({"_id": {"$in": identities}}, {"v": 1, "j": 1, "lu": 1})
        found = {document["_id"]: document for document in await cursor.to_list()}
        return {i for i, write in updates if not _is_written(write, found.get(_identity(write)))}

    async def _in_transaction(self, writes: Sequence[Write]) -> None:
        async def attempt() -> None:
            async with (
                self._client.start_session() as session,
                await session.start_transaction(max_commit_time_ms=self._max_time_ms),
            ):
                await self._check_claims(writes, session)
                stale = await self._apply(writes, session)
                if stale:
                    raise StaleWrite(min(stale))

        async with self._gate:
            await _retried(attempt)

    async def _check_claims(self, writes: Sequence[Write], session: AsyncClientSession) -> None:
        """Let conditional creates with the same criteria collide, then look for matches.

        The claim is written first: of two transactions one meets a write conflict, tries again, and
        then sees what the other one made.
        """
        for index, write in enumerate(writes):
            if write.unless is None:
                continue
            claim = {"_id": claim_key(write.unless)}
            await self._claims.update_one(claim, {"$inc": {"n": 1}}, upsert=True, session=session)
            if await self._has_match(write.unless, session):
                raise AlreadyExists(index)

    async def _has_match(self, query: SearchQuery, session: AsyncClientSession | None) -> bool:
        searcher = Searcher(self._resources, self._dictionary, self._max_time_ms, session)
        return await searcher.has_match(query)

    async def _leased(self, write: Write) -> None:
        """A conditional create without transactions: the claim is a lease that others wait for."""
        if write.unless is None:
            raise ValueError("only conditional creates need a lease")
        claim = claim_key(write.unless)
        await self._take_lease(claim)
        try:
            if await self._has_match(write.unless, None):
                raise AlreadyExists(0)
            await self._coalesced(write)
        finally:
            await self._claims.delete_one({"_id": claim})

    async def _take_lease(self, claim: str) -> None:
        lease_s = 2 * self._max_time_ms / 1000
        while True:
            now = time.time()
            try:
                await self._claims.update_one(
                    {"_id": claim, "until": {"$lt": now}},
                    {"$set": {"until": now + lease_s}},
                    upsert=True,
                )
            except OperationFailure as error:
                if error.code != DUPLICATE_KEY:
                    raise
                await asyncio.sleep(_PAUSE_S)
            else:
                return


def claim_key(query: SearchQuery) -> str:
    """Return what conditional creates with the same criteria share."""
    text = f"{sorted(query.resource_types)} {query.where!r}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _identity(write: Write) -> str:
    return key(write.version.resource_type, write.version.logical_id)


def _without_id(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "_id"}


def _is_written(write: Write, found: Document | None) -> bool:
    if found is None or int(found["v"]) != write.version.version_id:
        return False
    return found.get("j") == write.version.body


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


async def _retried(attempt: Callable[[], Awaitable[None]]) -> None:
    """Try again, with jitter, what the server says may succeed when it is tried again."""
    for number in range(1, MAX_ATTEMPTS + 1):
        try:
            return await attempt()
        except (OperationFailure, ConnectionFailure) as error:
            is_transient = error.has_error_label("TransientTransactionError")
            if not is_transient or number == MAX_ATTEMPTS:
                raise
        ceiling = min(0.5, _PAUSE_S * 2**number)
        await asyncio.sleep(random.uniform(0, ceiling))  # noqa: S311 # jitter
    return None
