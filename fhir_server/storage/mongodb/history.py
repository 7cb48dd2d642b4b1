"""Histories: the current version and the superseded ones, merged newest first.

Spec: https://hl7.org/fhir/R4/http.html#history
"""

import re
from collections.abc import Sequence
from typing import Any

from bson.int64 import Int64
from pymongo import DESCENDING
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from fhir_server.model import InvalidRequest
from fhir_server.storage.mongodb.bodies import Bodies
from fhir_server.storage.mongodb.dictionary import Dictionary
from fhir_server.storage.mongodb.document import (
    TOMBSTONE,
    Document,
    key,
    microseconds,
    stored_version,
)
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.mongodb.lookups import VERSION_FIELDS
from fhir_server.storage.store import HistoryPage, HistoryQuery

Collection = AsyncCollection[dict[str, Any]]
MAX_COUNTED = 100_000
_LARGEST = 2**63 - 1
_ORDER = [("lu", DESCENDING), ("c", DESCENDING), ("v", DESCENDING)]


class Historian:
    """Reads histories out of both collections, newest first, all in one moment of ``session``."""

    def __init__(
        self,
        handle: Handle,
        dictionary: Dictionary,
        bodies: Bodies,
        session: AsyncClientSession | None,
    ) -> None:
        self._current = handle.resources
        self._superseded = handle.history
        self._dictionary = dictionary
        self._bodies = bodies
        self._session = session
        self._max_time_ms = handle.timeout_ms

    async def page(self, query: HistoryQuery) -> HistoryPage:
        """Return one page of versions, newest first.

        The total of all of a type may count a version twice where an update was cut short between
        its two steps (`replacing`); of one resource it never does, nor where one page shows all.
        """
        types = await self._types(query)
        superseded = [_superseded_filter(query, types), *await self._before_current(query)]
        sources = (
            (self._current, [_current_filter(query, types), *_within(query, "current")]),
            (self._superseded, [*superseded, *_within(query, "superseded")]),
        )
        found: list[Document] = []
        if query.page_count:
            for collection, filters in sources:
                found += await self._find(collection, filters, query)
            found = newest_first(found)
        more = len(found) > query.page_count
        total = len(found)
        if query.counts and (more or query.after is not None or not query.page_count):
            total = await self._total(sources)
        shown = await self._bodies.whole(found[: query.page_count])
        return HistoryPage(
            versions=tuple(stored_version(document) for document in shown),
            next=" ".join(map(str, _place(shown[-1]))) if more else None,
            total=total if query.counts and total <= MAX_COUNTED else None,
        )

    async def _before_current(self, query: HistoryQuery) -> list[Document]:
        """Leave out what is in the history of one resource and current still."""
        if query.resource_type is None or query.logical_id is None:
            return []
        identity = {"_id": key(query.resource_type, query.logical_id)}
        current = await self._current.find_one(identity, {"v": 1}, session=self._session)
        return [{"v": {"$lt": 0 if current is None else current["v"]}}]

    async def _total(self, sources: Sequence[tuple[Collection, list[Document]]]) -> int:
        total = 0
        for collection, filters in sources:
            if total <= MAX_COUNTED:
                total += await self._count(collection, filters)
        return total

    async def _count(self, collection: Collection, filters: list[Document]) -> int:
        return await collection.count_documents(
            {"$and": filters},
            limit=MAX_COUNTED + 1,
            maxTimeMS=self._max_time_ms,
            session=self._session,
        )

    async def _types(self, query: HistoryQuery) -> tuple[str, ...]:
        if query.resource_type is not None:
            return (query.resource_type,)
        return await self._dictionary.types()

    async def _find(
        self, collection: Collection, filters: list[Document], query: HistoryQuery
    ) -> list[Document]:
        cursor = collection.find(
            {"$and": [*filters, *_after(query.after)]},
            VERSION_FIELDS,
            sort=_ORDER,
            limit=query.page_count + 1,
            batch_size=query.page_count + 1,
            max_time_ms=self._max_time_ms,
            session=self._session,
        )
        return await cursor.to_list()


def newest_first(found: list[Document]) -> list[Document]:
    """Sort versions; of a version that is in both collections, the current one is shown."""
    distinct = {(_place(document), document["_id"].split("/")[1]): document for document in found}
    return sorted(distinct.values(), key=_place, reverse=True)


def _current_filter(query: HistoryQuery, types: tuple[str, ...]) -> Document:
    if query.resource_type is not None and query.logical_id is not None:
        return {"_id": key(query.resource_type, query.logical_id)}
    deleted = {"rt": TOMBSTONE, "dt": {"$in": list(types)}}
    return {"$or": [{"rt": {"$in": list(types)}}, deleted]}


def _superseded_filter(query: HistoryQuery, types: tuple[str, ...]) -> Document:
    if query.resource_type is not None and query.logical_id is not None:
        return {"r": key(query.resource_type, query.logical_id)}
    return {"rt": {"$in": list(types)}}


def _within(query: HistoryQuery, source: str) -> list[Document]:
    """What ``_since`` and ``_at`` ask; a superseded version ended when its successor began."""
    filters: list[Document] = []
    if query.since is not None:
        filters.append({"lu": {"$gte": microseconds(query.since)}})
    if query.at is not None:
        low, high = query.at
        filters.append({"lu": {"$lt": microseconds(high)}})
        if source == "superseded":
            filters.append({"u": {"$gt": microseconds(low)}})
    return filters


def _place(document: Document) -> tuple[int, int, int]:
    return int(document["lu"]), int(document["c"]), int(document["v"])


def _after(token: str | None) -> list[Document]:
    if token is None:
        return []
    if re.fullmatch(r"-?[0-9]{1,18} [0-9]{1,19} [0-9]{1,18}", token, re.ASCII) is None:
        raise InvalidRequest.of("search-position")
    updated, creation, version_id = (Int64(min(int(part), _LARGEST)) for part in token.split())
    return [
        {"lu": {"$lte": updated}},
        {
            "$or": [
                {"lu": {"$lt": updated}},
                {"c": {"$lt": creation}},
                {"c": creation, "v": {"$lt": version_id}},
            ]
        },
    ]
