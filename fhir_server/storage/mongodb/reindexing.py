"""New index values for resources that stay as they are."""

from collections.abc import Sequence

from pymongo import UpdateOne

from fhir_server.search import IndexValues
from fhir_server.storage.mongodb.dictionary import Dictionary
from fhir_server.storage.mongodb.document import INDEX_FIELDS, Document, index_fields, key
from fhir_server.storage.mongodb.handle import Handle
from fhir_server.storage.store import StoredVersion


async def reindex(
    handle: Handle, dictionary: Dictionary, found: Sequence[tuple[StoredVersion, IndexValues]]
) -> None:
    """Replace the index fields of those versions that are current.

    Raises:
        PyMongoError: Some may have been replaced.
    """
    if not found:
        return
    await dictionary.note((version.resource_type, values) for version, values in found)
    await handle.resources.bulk_write(
        [_update(version, values) for version, values in found], ordered=False
    )


def _update(version: StoredVersion, values: IndexValues) -> UpdateOne:
    fields = index_fields(version, values)
    change: Document = {"$unset": dict.fromkeys(sorted(INDEX_FIELDS - fields.keys()), "")}
    if fields:
        change["$set"] = fields
    identity = key(version.resource_type, version.logical_id)
    is_current = {"_id": identity, "v": version.version_id, "rt": version.resource_type}
    return UpdateOne(is_current, change)
