"""Bodies near and over the 16 MB that one document of the database can hold."""

from dataclasses import replace

import pytest
from bson import encode

from fhir_server.model import LogicalId, ResourceType, TooLarge, VersionId
from fhir_server.search import IndexValues, TokenValue
from fhir_server.storage.mongodb import MongoStore
from fhir_server.storage.mongodb.bodies import MAX_INSIDE_BYTES, PIECE_BYTES
from fhir_server.storage.mongodb.document import current_document
from tests.support.stored import body, history_of, pages, query, token, tokens, write

pytestmark = pytest.mark.anyio

PATIENT, ONE = ResourceType("Patient"), LogicalId("1")


def long_body(length: int, version_id: int = 1) -> bytes:
    empty = len(body("Patient", "1", version_id, x=""))
    return body("Patient", "1", version_id, x="ж" * ((length - empty) // 2))


@pytest.mark.parametrize(
    "length", [MAX_INSIDE_BYTES - 2, MAX_INSIDE_BYTES + 2, 2 * PIECE_BYTES + 9]
)
async def test_a_long_body_is_read_back_everywhere(store: MongoStore, length: int) -> None:
    first = write("1", values=tokens(("s", "a")), content=long_body(length))
    second = write("1", 2, values=tokens(("s", "a")), content=long_body(length + 10, 2))
    await store.commit([first])
    await store.commit([second, write("other")])
    assert await store.read(PATIENT, ONE) == second.version
    assert await store.vread(PATIENT, ONE, VersionId(1)) == first.version
    assert (await store.read_many([(PATIENT, ONE)]))[PATIENT, ONE] == second.version
    assert await history_of(store, "1") == [second.version, first.version]
    assert await pages(store, query(token(("s", "a")))) == [[second.version]]


async def test_a_resource_with_more_to_be_found_by_than_a_document_holds_is_refused(
    store: MongoStore,
) -> None:
    values = IndexValues(tokens=[TokenValue("code", "s", f"{n:090d}") for n in range(170_000)])
    for body_length in (600_000, 5_000_000):
        with pytest.raises(TooLarge) as refused:
            await store.commit([write("1", values=values, content=long_body(body_length))])
        assert refused.value.issues[0].rule == "store-body-too-large"
        assert await store.read(PATIENT, ONE) is None


def test_keys_of_a_resource_never_become_keys_of_the_database() -> None:
    """``$``, ``.`` and NUL mean something to MongoDB; they are bytes and values here."""
    hostile = b'{"resourceType":"Patient","$where":"1","a.b":{"$ne":null},"n\\u0000":1}'
    made = write("1", values=IndexValues(tokens=[TokenValue("$ne", "a.b", "$gt\0")]))
    made = replace(made, version=replace(made.version, body=hostile))
    document = current_document(made, 1)
    assert bytes(document["j"]) == hostile
    assert set(document) <= {"_id", "rt", "v", "lu", "m", "c", "t", "pk", "j"}
    encode(document)
