"""Builders of what a store is given: versions, writes, and pages walked to their end."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from fhir_server.model import LogicalId, ResourceType, VersionId
from fhir_server.search import (
    DateValue,
    IndexValues,
    Node,
    PagePosition,
    ReferenceValue,
    SearchQuery,
    StringValue,
    TokenMatch,
    TokenTerm,
    TokenValue,
    fold,
)
from fhir_server.storage import (
    HistoryQuery,
    ResourceStore,
    StoredVersion,
    Write,
    WriteMethod,
)

AT = datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)


def body(resource_type: str, logical_id: str, version_id: int, **content: object) -> bytes:
    """Compact JSON of a resource with its version id, as an interaction would stamp it."""
    resource = {
        "resourceType": resource_type,
        "id": logical_id,
        "meta": {"versionId": str(version_id)},
        **content,
    }
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()


def write(
    logical_id: str,
    version_id: int = 1,
    values: IndexValues | None = None,
    *,
    resource_type: str = "Patient",
    at: datetime = AT,
    method: WriteMethod = "PUT",
    content: bytes | None = None,
    unless: SearchQuery | None = None,
) -> Write:
    """A create or update; without ``values`` it is found by id alone."""
    version = StoredVersion(
        resource_type=ResourceType(resource_type),
        logical_id=LogicalId(logical_id),
        version_id=VersionId(version_id),
        last_updated=at,
        method=method,
        body=content or body(resource_type, logical_id, version_id),
    )
    return Write(version=version, values=values or IndexValues(), unless=unless)


def deletion(
    logical_id: str, version_id: int, *, resource_type: str = "Patient", at: datetime = AT
) -> Write:
    """A deletion as version ``version_id``."""
    made = write(logical_id, version_id, resource_type=resource_type, at=at, method="DELETE")
    return Write(version=replace(made.version, body=None), values=None)


def query(where: Node, *resource_types: str, **rest: object) -> SearchQuery:
    """A search of Patients, or of the types given."""
    types = tuple(ResourceType(name) for name in resource_types or ("Patient",))
    return replace(SearchQuery(resource_types=types, where=where), **rest)  # type: ignore[arg-type] # fields of the query


async def pages(store: ResourceStore, asked: SearchQuery) -> list[list[StoredVersion]]:
    """All pages of a search."""
    found = []
    after: PagePosition | None = asked.after
    while True:
        page = await store.search(replace(asked, after=after))
        found.append(list(page.matches))
        after = page.next
        if after is None:
            return found


async def ids(store: ResourceStore, asked: SearchQuery) -> list[str]:
    """Ids of all matches in order, over all pages."""
    return [match.logical_id for page in await pages(store, asked) for match in page]


async def history(store: ResourceStore, asked: HistoryQuery) -> list[StoredVersion]:
    """All versions that a history query gives, over all pages."""
    found: list[StoredVersion] = []
    while True:
        page = await store.history(asked)
        found += page.versions
        if page.next is None:
            return found
        asked = replace(asked, after=page.next)


async def fill(
    store: ResourceStore, resource_type: str = "Patient", /, **values: IndexValues
) -> None:
    """Create resources in one commit, in the order given; the names are their ids."""
    await store.commit([
        write(logical_id, values=found, resource_type=resource_type)
        for logical_id, found in values.items()
    ])  # fmt: skip


def token(*terms: tuple[str | None, str | None], parameter: str = "code") -> TokenMatch:
    """A search for codes."""
    return TokenMatch(parameter=parameter, values=tuple(TokenTerm(*term) for term in terms))


def tokens(*values: tuple[str, str], parameter: str = "code") -> IndexValues:
    """Codes to be found by."""
    return IndexValues(tokens=[TokenValue(parameter, *value) for value in values])


def texts(*values: str) -> IndexValues:
    """Names to be found by."""
    return IndexValues(strings=[StringValue("name", fold(text), text) for text in values])


def dates(*values: tuple[int, int], parameter: str = "date") -> IndexValues:
    """Dates to be found by."""
    return IndexValues(dates=[DateValue(parameter, *value) for value in values])


def links(*targets: str, parameter: str = "subject") -> IndexValues:
    """References, each as ``Type/id``."""
    return IndexValues(
        references=[
            ReferenceValue(parameter, kind, logical_id, "")
            for kind, _, logical_id in (target.partition("/") for target in targets)
        ]
    )


async def history_of(
    store: ResourceStore, logical_id: str, resource_type: str = "Patient"
) -> list[StoredVersion]:
    """All versions of one resource."""
    asked = HistoryQuery(
        resource_type=ResourceType(resource_type), logical_id=LogicalId(logical_id)
    )
    return await history(store, asked)
