"""Commits: single writes in groups, bundles in a transaction, conditional creates behind a claim.

Write concern is majority with journal: what is acknowledged survives the loss of a member. A single
write needs no transaction: it is one document, and the history of what it replaces is written
before it (`replacing`). Bundles and conditional creates are transactions of MongoDB; a standalone
server has none, so that it takes single writes alone, conditional ones under a lease.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from pymongo.asynchronous.client_session import AsyncClientSession

from fhir_server.model import NotSupported
from fhir_server.search import IndexValues, SearchQuery
from fhir_server.storage.mongodb.bodies import check_size
from fhir_server.storage.mongodb.claims import Claims
from fhir_server.storage.mongodb.dictionary import Dictionary
from fhir_server.storage.mongodb.grouping import Groups, Settle
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.mongodb.replacing import HistoryAhead, Replacer
from fhir_server.storage.mongodb.transactions import Transactions
from fhir_server.storage.store import AlreadyExists, StaleWrite, Write

HasMatch = Callable[[SearchQuery, AsyncClientSession | None], Awaitable[bool]]


class Committer:
    """Makes writes durable, all of a commit or none.

    Args:
        handle: The database.
        dictionary: Where distinct values are noted first.
        replacer: Writes the documents.
        has_match: Says whether a query matches anything.
    """

    def __init__(
        self, handle: Handle, dictionary: Dictionary, replacer: Replacer, has_match: HasMatch
    ) -> None:
        self._handle = handle
        self._dictionary = dictionary
        self._replacer = replacer
        self._has_match = has_match
        self._transactions = Transactions(handle)
        self._claims = Claims(handle)
        self._groups = Groups(self._write_group)

    async def commit(self, writes: Sequence[Write]) -> None:
        """Make all writes durable, or none; see `ResourceStore.commit`."""
        if not writes:
            return
        if len(writes) > 1 and not self._handle.has_transactions:
            raise NotSupported.of("store-without-transactions", found=len(writes))
        for write in writes:
            check_size(write)
        if len(writes) == 1 and writes[0].unless is None:
            await self._groups.commit(writes[0])
        elif self._handle.has_transactions:
            await self._note(writes)
            await self._together(writes)
        else:
            await self._leased(writes[0])

    async def finish(self) -> None:
        """Wait for what is under way."""
        await self._groups.finish()

    async def _note(self, writes: Sequence[Write]) -> None:
        await self._dictionary.note(
            (write.version.resource_type, write.values or IndexValues()) for write in writes
        )

    async def _write_group(self, writes: Sequence[Write], settle: Settle) -> None:
        """Write creates and updates side by side, each kind told as soon as it is durable."""
        await self._note(writes)
        await asyncio.gather(
            self._settled(self._replacer.create, _chosen(writes, are_first=True), settle),
            self._settled(self._replacer.replace, _chosen(writes, are_first=False), settle),
        )

    async def _settled(
        self,
        write: Callable[[Sequence[Write]], Awaitable[set[int]]],
        chosen: dict[int, Write],
        settle: Settle,
    ) -> None:
        if not chosen:
            return
        late = await write([*chosen.values()])
        if late:
            await self._handle.wait_until_settled()
        for position, index in enumerate(chosen):
            settle(index, StaleWrite(0) if position in late else None)

    async def _together(self, writes: Sequence[Write]) -> None:
        is_ahead = False

        async def attempt(session: AsyncClientSession) -> None:
            for index, write in enumerate(writes):
                if write.unless is not None:
                    await self._claims.touch(write.unless, session)
                    if await self._has_match(write.unless, session):
                        raise AlreadyExists(index)
            changed = _chosen(writes, are_first=False)
            late = await self._replacer.replace_together(
                [*changed.values()], session, is_ahead=is_ahead
            )
            _refuse_late([*changed], late)
            made = _chosen(writes, are_first=True)
            _refuse_late([*made], await self._replacer.create([*made.values()], session))

        try:
            try:
                await self._transactions.run(attempt, writes=len(writes))
            except HistoryAhead:
                is_ahead = True
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
            await self._groups.commit(write)


def _chosen(writes: Sequence[Write], *, are_first: bool) -> dict[int, Write]:
    """Those that make a first version, or the others, by their index."""
    return {
        index: write
        for index, write in enumerate(writes)
        if (write.version.version_id == 1) is are_first
    }


def _refuse_late(indexes: Sequence[int], late: set[int]) -> None:
    if late:
        raise StaleWrite(indexes[min(late)])
