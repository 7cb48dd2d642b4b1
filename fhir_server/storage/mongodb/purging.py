"""Removing versions for good: what is superseded, and all of what is deleted.

A creation number tells the lives of a resource apart: what is created anew under the same id has
another one, so that nothing of it can be mistaken for what is removed here. An update that is under
way while a deleted resource is removed may leave an entry of the old life in the history; it is
swept up afterwards, and whoever comes to that version again replaces it (`replacing`).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, DeleteMany, DeleteOne

from fhir_server.storage.mongodb.dictionary import Dictionary
from fhir_server.storage.mongodb.document import TOMBSTONE, Document, key
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.mongodb.lookups import Lookups
from fhir_server.storage.store import Purge

TOGETHER = 200
_FIELDS: Mapping[str, Any] = dict.fromkeys(("r", "v", "c", "b"), 1)
_OLDEST_FIRST = [("lu", ASCENDING), ("c", ASCENDING), ("v", ASCENDING)]


class Purger:
    """Removes versions for good.

    Args:
        handle: The database.
        dictionary: Knows the types that there are.
        lookups: Forgets what is removed.
    """

    def __init__(self, handle: Handle, dictionary: Dictionary, lookups: Lookups) -> None:
        self._handle = handle
        self._resources = handle.resources
        self._history = handle.history
        self._pieces = handle.database["pieces"]
        self._dictionary = dictionary
        self._lookups = lookups

    async def purge(self, asked: Purge) -> int:
        """Remove what is asked; see `ResourceStore.purge`.

        Raises:
            PyMongoError: Some may have been removed.
        """
        left = asked.limit
        if asked.deleted:
            left = await self._deleted(asked, left)
        if asked.superseded:
            left = await self._superseded(asked, left)
        return asked.limit - left

    async def _deleted(self, asked: Purge, left: int) -> int:
        """Remove all of resources that are deleted; return how many versions may still go."""
        condition: Document = {"rt": TOMBSTONE}
        if asked.logical_id is not None:
            condition["_id"] = key(asked.resource_type or "", asked.logical_id)
        elif asked.resource_type is not None:
            condition["dt"] = asked.resource_type
        async for tombstones in self._groups(self._resources.find(condition, _FIELDS)):
            if left <= 0:
                break
            left = await self._remove_whole({one["_id"]: one for one in tombstones}, left)
        return left

    async def _remove_whole(self, tombstones: Mapping[str, Document], left: int) -> int:
        before = await self._history.find(
            {"r": {"$in": [*tombstones]}},
            _FIELDS,
            sort=[("r", ASCENDING), ("v", ASCENDING)],
            limit=left + len(tombstones) + 1,
            max_time_ms=self._handle.timeout_ms,
        ).to_list()
        older = [one for one in before if one["v"] < tombstones[one["r"]]["v"]]
        await self._remove(older[:left])
        whole = [*tombstones.values()]
        if len(older) > left:  # of this resource something stays, and of those behind it everything
            whole = [one for one in whole if one["_id"] < older[left]["r"]]
        left -= len(older[:left])
        whole = whole[:left]
        if not whole:
            return left
        done = await self._resources.bulk_write(
            [DeleteOne({**_life(one), "rt": TOMBSTONE, "v": one["v"]}) for one in whole],
            ordered=False,
        )
        for one in whole:
            self._lookups.forget(one["_id"])
        await self._sweep(whole)
        return left - done.deleted_count

    async def _sweep(self, removed: Sequence[Document]) -> None:
        """Remove what updates under way have left in the history of resources that are gone."""
        identities = {"$in": [one["_id"] for one in removed]}
        stored = await self._resources.find({"_id": identities}, {"c": 1}).to_list()
        living = {(one["_id"], one["c"]) for one in stored}
        gone = [one for one in removed if (one["_id"], one["c"]) not in living]
        if gone:
            await self._history.bulk_write(
                [DeleteMany({"r": one["_id"], "c": one["c"]}) for one in gone], ordered=False
            )

    async def _superseded(self, asked: Purge, left: int) -> int:
        """Remove versions that are not current; return how many may still go."""
        if asked.logical_id is not None:
            conditions: list[Document] = [{"r": key(asked.resource_type or "", asked.logical_id)}]
        elif asked.resource_type is not None:
            conditions = [{"rt": asked.resource_type}]
        else:
            conditions = [{"rt": one} for one in await self._dictionary.types()]
        for condition in conditions:
            found = self._history.find(condition, _FIELDS, sort=_OLDEST_FIRST)
            async for entries in self._groups(found):
                if left <= 0:
                    return left
                stale = await self._not_current(entries)
                await self._remove(stale[:left])
                left -= len(stale[:left])
        return left

    async def _not_current(self, entries: Sequence[Document]) -> list[Document]:
        """Leave out entries of what is current still: an update is between its two steps."""
        identities = {"$in": [*{one["r"] for one in entries}]}
        stored = await self._resources.find({"_id": identities}, {"v": 1}).to_list()
        current = {one["_id"]: one["v"] for one in stored}
        return [one for one in entries if one["v"] < current.get(one["r"], 0)]

    async def _remove(self, entries: Sequence[Document]) -> None:
        if not entries:
            return
        await self._history.bulk_write(
            [DeleteOne({"_id": one["_id"], "r": one["r"]}) for one in entries], ordered=False
        )
        pieces = [
            f"{name}/{number}"
            for name, count in (one["b"] for one in entries if "b" in one)
            for number in range(count)
        ]
        if pieces:
            await self._pieces.delete_many({"_id": {"$in": pieces}})

    async def _groups(self, cursor: Any) -> AsyncIterator[list[Document]]:
        async with cursor.batch_size(TOGETHER).max_time_ms(self._handle.timeout_ms) as found:
            while group := await found.to_list(TOGETHER):
                yield group


def _life(document: Document) -> Document:
    return {"_id": document["_id"], "c": document["c"]}
