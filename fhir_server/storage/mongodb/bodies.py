"""Long bodies: a document holds 16 MB at most, so that what nears it is kept in pieces of its own.

Pieces are written before the document that names them and never changed; one too many does no harm.
"""

import secrets
from collections.abc import Sequence

from bson import encode
from bson.binary import Binary
from pymongo import InsertOne

from fhir_server.storage.mongodb.document import Document, current_document
from fhir_server.storage.mongodb.faults import MAX_DOCUMENT_BYTES, too_large
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.store import Write

MAX_INSIDE_BYTES = 4_000_000
"""Longer bodies are kept apart: what a resource is found by needs room in the document too."""
PIECE_BYTES = 8_000_000
CHECKED_FROM_BYTES = 500_000
"""What a shorter body is found by fits always."""
SPARE_BYTES = 100_000


def check_size(write: Write) -> None:
    """Refuse what no document can hold: a resource with more to be found by than 16 MB.

    Raises:
        TooLarge: It is.
    """
    body, values = write.version.body, write.values
    if body is None or values is None or len(body) < CHECKED_FROM_BYTES:
        return
    document = current_document(write, 0)
    if len(body) > MAX_INSIDE_BYTES:
        del document["j"]
    found = len(encode(document)) + SPARE_BYTES
    if found > MAX_DOCUMENT_BYTES:
        raise too_large(found)


class Bodies:
    """The ``pieces`` collection."""

    def __init__(self, handle: Handle) -> None:
        self._collection = handle.database["pieces"]

    async def stored_apart(self, document: Document) -> Document:
        """Return the document; in place of a long body it names pieces."""
        body = document.get("j")
        if body is None or len(body) <= MAX_INSIDE_BYTES:
            return document
        name = secrets.token_hex(16)
        starts = range(0, len(body), PIECE_BYTES)
        for number, start in enumerate(starts):
            piece = Binary(body[start : start + PIECE_BYTES])
            await self._collection.bulk_write([InsertOne({"_id": f"{name}/{number}", "j": piece})])
        kept = {field: value for field, value in document.items() if field != "j"}
        return {**kept, "b": [name, len(starts)]}

    async def whole(self, documents: Sequence[Document]) -> Sequence[Document]:
        """Return the documents with their bodies; costs nothing where none is kept apart."""
        if not any("b" in document for document in documents):
            return documents
        return [await self._joined(document) for document in documents]

    async def _joined(self, document: Document) -> Document:
        if "b" not in document:
            return document
        name, count = document["b"]
        pieces = [
            found["j"]
            for number in range(count)
            if (found := await self._collection.find_one({"_id": f"{name}/{number}"})) is not None
        ]
        return {**document, "j": b"".join(pieces)}
