"""The connected database: its collections with their concerns, and what kind of server it is."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

DURABLE = WriteConcern(w="majority", j=True)
_SETTLED = {"_id": "settled"}

Hello = Mapping[str, Any]


class Handle:
    """What all parts of the store work on.

    Attributes:
        client: The connection pool.
        database: Writes are durable on a majority, reads see only what is.
        resources: Current versions.
        history: Superseded versions.
        has_transactions: Whether the server is a replica set or a sharded cluster.
        timeout_ms: Longest time of one query.
    """

    def __init__(
        self,
        client: AsyncMongoClient[dict[str, Any]],
        database_name: str,
        hello: Hello,
        timeout_ms: int,
    ) -> None:
        self.client = client
        self.has_transactions = "setName" in hello or hello.get("msg") == "isdbgrid"
        self.timeout_ms = timeout_ms
        self.database = client.get_database(
            database_name,
            write_concern=DURABLE,
            read_concern=ReadConcern("majority" if self.has_transactions else "local"),
        )
        self.resources = self.database["resources"]
        self.history = self.database["history"]

    async def wait_until_settled(self) -> None:
        """Wait until everything that is written up to now is durable, so that reads show it.

        Whoever lost a race looks again at once; without this the winner might not be seen yet. A
        small durable write (2 ms) does it; a linearizable read waits for the journal (100 ms).
        """
        if self.has_transactions:
            await self.database["claims"].update_one(_SETTLED, {"$inc": {"n": 1}}, upsert=True)

    @asynccontextmanager
    async def one_moment(self) -> AsyncIterator[AsyncClientSession | None]:
        """A session whose reads all are of the same moment; None where the server has none."""
        if not self.has_transactions:
            yield None
            return
        async with self.client.start_session(snapshot=True) as session:
            yield session
