"""New versions in place of old ones: the old one goes to the history first, then it is replaced.

Both steps are one bulk each, and may be made twice. What can go wrong between them:

- The process or the database dies: the history has an entry equal to the current version. Readers
  leave it out, and whoever updates the resource next finds it there, which is as good as written.
- Another process is faster: its entry is the same one, and the replacement, which names the version
  it replaces, does not match.

In a transaction the steps are the same, but both are seen at once.
"""

import secrets
from collections.abc import Mapping, Sequence

from pymongo import InsertOne, ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError

from fhir_server.storage.mongodb.bodies import Bodies
from fhir_server.storage.mongodb.creation import CreationNumbers
from fhir_server.storage.mongodb.dictionary import DUPLICATE_KEY
from fhir_server.storage.mongodb.document import (
    Document,
    current_document,
    superseded_document,
    write_key,
)
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.mongodb.lookups import Lookups
from fhir_server.storage.store import Write

Session = AsyncClientSession | None
Currents = Mapping[str, Document]

_MARK_BYTES = 8


class Replacer:
    """Writes current documents and the history of those they replace.

    All methods take writes of different resources, and return the indexes of those that came too
    late: the current version of the resource is not the one before the write's.
    """

    def __init__(self, handle: Handle, bodies: Bodies, lookups: Lookups) -> None:
        self._resources = handle.resources
        self._history = handle.history
        self._bodies = bodies
        self._lookups = lookups
        self._numbers = CreationNumbers()

    async def create(self, writes: Sequence[Write], session: Session = None) -> set[int]:
        """Insert first versions: what is there already is left as it is."""
        if not writes:
            return set()
        documents = [await self._document(write, None) for write in writes]
        try:
            await self._resources.bulk_write(
                [InsertOne(document) for document in documents], ordered=False, session=session
            )
        except BulkWriteError as error:
            late = _duplicates(error)
        else:
            late = set()
        if session is None:
            self._remember(documents, late)
        return late

    async def replace(self, writes: Sequence[Write]) -> set[int]:
        """Replace current versions, those that can be."""
        current = await self._current(writes)
        late = _late(writes, current)
        fresh = [index for index in range(len(writes)) if index not in late]
        if not fresh:
            return late
        chosen = [writes[index] for index in fresh]
        documents = [await self._document(one, current[write_key(one)]) for one in chosen]
        there_before = await self._keep(chosen, current)
        lost = await self._put(documents, current)
        self._remember(documents, lost)
        won = set(range(len(chosen))) - lost
        if there_before & won:
            await self._correct([chosen[index] for index in there_before & won], current)
        return late | {fresh[index] for index in lost}

    async def replace_together(
        self, writes: Sequence[Write], session: AsyncClientSession, *, is_ahead: bool
    ) -> set[int]:
        """Replace all or, where one of them comes too late, none.

        Args:
            writes: The new versions.
            session: Of a transaction.
            is_ahead: The history may have entries of them.

        Raises:
            HistoryAhead: It has, and this was not known: the transaction is lost.
        """
        if not writes:
            return set()
        stored = await self._lookups.several([write_key(write) for write in writes], session)
        current = {document["_id"]: document for document in stored}
        late = _late(writes, current)
        if late:
            return late
        documents = [await self._document(one, current[write_key(one)]) for one in writes]
        if is_ahead:
            operations = [
                ReplaceOne({"_id": entry["_id"], "r": entry["r"]}, entry, upsert=True)
                for entry in _entries(writes, current)
            ]
            await self._history.bulk_write(operations, ordered=False, session=session)
        elif await self._keep(writes, current, session):
            raise HistoryAhead
        await self._put(documents, current, session)
        return set()

    async def _document(self, write: Write, before: Document | None) -> Document:
        number = int(before["c"]) if before is not None else self._numbers.next()
        document = {**current_document(write, number), "w": secrets.token_bytes(_MARK_BYTES)}
        return await self._bodies.stored_apart(document)

    async def _current(self, writes: Sequence[Write]) -> Currents:
        """The documents that the writes replace: as they were read a moment ago, or read now."""
        found: dict[str, Document] = {}
        for write in writes:
            identity = write_key(write)
            known = self._lookups.remembered(identity, write.version.version_id - 1)
            if known is not None:
                found[identity] = known
        others = [one for write in writes if (one := write_key(write)) not in found]
        if others:
            found |= {one["_id"]: one for one in await self._lookups.several(others)}
        return found

    async def _keep(
        self, writes: Sequence[Write], current: Currents, session: Session = None
    ) -> set[int]:
        """Write what is replaced to the history; return the indexes of what was there already."""
        operations = [InsertOne(entry) for entry in _entries(writes, current)]
        try:
            await self._history.bulk_write(operations, ordered=False, session=session)
        except BulkWriteError as error:
            return _duplicates(error)
        return set()

    async def _put(
        self, documents: Sequence[Document], current: Currents, session: Session = None
    ) -> set[int]:
        """Replace the versions that are known; return the indexes of those that were not there.

        Only where fewer matched than were asked for it is looked which (never in a transaction: it
        has looked, and meets a write conflict otherwise). The mark of each write tells it from one
        of another process, which may have written the same in the same millisecond.
        """
        operations = [
            ReplaceOne(_version(current[document["_id"]]), document) for document in documents
        ]
        result = await self._resources.bulk_write(operations, ordered=False, session=session)
        if session is not None or result.matched_count == len(documents):
            return set()
        identities = {"$in": [document["_id"] for document in documents]}
        stored = await self._resources.find({"_id": identities}, {"w": 1}).to_list()
        marks = {found["_id"]: found.get("w") for found in stored}
        lost = {
            index
            for index, document in enumerate(documents)
            if marks.get(document["_id"]) != document["w"]
        }
        lost -= await self._superseded(documents, lost)
        for index in lost:
            self._lookups.forget(documents[index]["_id"])
        return lost

    async def _superseded(self, documents: Sequence[Document], among: set[int]) -> set[int]:
        """Return the indexes of those that were written, and that others have replaced since."""
        if not among:
            return set()
        names = {f"{documents[index]['_id']}/{documents[index]['v']}": index for index in among}
        of = {"$in": [documents[index]["_id"] for index in among]}
        asked = {"_id": {"$in": [*names]}, "r": of}
        found = await self._history.find(asked, {"w": 1}).to_list()
        return {
            names[entry["_id"]]
            for entry in found
            if entry.get("w") == documents[names[entry["_id"]]]["w"]
        }

    async def _correct(self, writes: Sequence[Write], current: Currents) -> None:
        """Write entries that were there anew.

        Others had tried before, at another time; or the entry is of an earlier life of the
        resource, of which everything else is removed.
        """
        operations = [
            ReplaceOne({"_id": entry["_id"], "r": entry["r"]}, entry, upsert=True)
            for entry in _entries(writes, current)
        ]
        await self._history.bulk_write(operations, ordered=False)

    def _remember(self, documents: Sequence[Document], late: set[int]) -> None:
        for index, document in enumerate(documents):
            if index not in late:
                self._lookups.remember(document)


class HistoryAhead(Exception):
    """The history has a version already that is current still: an update came to grief there."""


def _late(writes: Sequence[Write], current: Currents) -> set[int]:
    return {
        index
        for index, write in enumerate(writes)
        if int(current.get(write_key(write), {}).get("v", 0)) != write.version.version_id - 1
    }


def _entries(writes: Sequence[Write], current: Currents) -> list[Document]:
    return [
        superseded_document(current[write_key(write)], write.version.last_updated)
        for write in writes
    ]


def _version(document: Document) -> Document:
    """Name a version; one of an earlier life of the resource has another creation number."""
    return {name: document[name] for name in ("_id", "v", "c")}


def _duplicates(error: BulkWriteError) -> set[int]:
    """Operations that met an existing id; any other error is raised."""
    errors = error.details["writeErrors"]
    if any(e["code"] != DUPLICATE_KEY for e in errors) or error.details["writeConcernErrors"]:
        raise error
    return {int(e["index"]) for e in errors}
