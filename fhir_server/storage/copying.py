"""Copying a store into another one, with history, and comparing two stores.

Works over `ResourceStore` alone, so that any backend can be either side. What the target has
already is left as it is: an interrupted copy goes on by being started again.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fhir_server.model import LogicalId, ResourceType
from fhir_server.search import IndexValues
from fhir_server.storage.store import HistoryQuery, ResourceStore, StoredVersion, Write

PAGE_COUNT = 500
CONCURRENT = 64
_MODULUS = 2**256

Key = tuple[ResourceType, LogicalId]
Extract = Callable[[StoredVersion], IndexValues]
Report = Callable[[int, str | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a store holds of one type: two stores with equal digests hold the same versions."""

    versions: int
    checksum: str


async def copy_store(
    source: ResourceStore,
    target: ResourceStore,
    extract: Extract,
    *,
    after: str | None = None,
    report: Report = lambda done, place: None,
) -> int:
    """Copy every version that the target does not have.

    Args:
        source: Read, newest versions first.
        target: Written, each resource from its first missing version on.
        extract: Gives what a current version is found by.
        after: Place of an earlier, interrupted copy.
        report: Called after each page with the number of versions looked at and the place.

    Returns:
        The number of versions written.

    Raises:
        StaleWrite: The target has another resource under the same id, or somebody writes to it.
        Unavailable: One of the stores cannot be used; what was written stays.
    """
    written = 0
    async for versions, place in _pages(source, after):
        missing = await _missing(source, target, versions)
        written += sum(map(len, missing))
        for chain in _chunks(missing):
            work = (_write(target, extract, versions) for versions in chain)
            for outcome in await asyncio.gather(*work, return_exceptions=True):
                if outcome is not None:  # all are finished: nothing goes on behind the refusal
                    raise outcome
        report(len(versions), place)
    return written


async def digests(
    store: ResourceStore, report: Report = lambda done, place: None
) -> Mapping[str, Digest]:
    """Return a digest of every type; the order of reading does not matter to it."""
    counts: dict[str, int] = {}
    sums: dict[str, int] = {}
    async for versions, place in _pages(store, None):
        for version in versions:
            name = version.resource_type
            counts[name] = counts.get(name, 0) + 1
            sums[name] = (sums.get(name, 0) + _hash(version)) % _MODULUS
        report(len(versions), place)
    return {
        name: Digest(versions=count, checksum=f"{sums[name]:064x}")
        for name, count in sorted(counts.items())
    }


async def _pages(
    store: ResourceStore, after: str | None
) -> AsyncIterator[tuple[Sequence[StoredVersion], str | None]]:
    query = HistoryQuery(page_count=PAGE_COUNT, after=after, counts=False)
    while True:
        page = await store.history(query)
        yield page.versions, page.next
        if page.next is None:
            return
        query = replace(query, after=page.next)


async def _missing(
    source: ResourceStore, target: ResourceStore, versions: Sequence[StoredVersion]
) -> list[list[StoredVersion]]:
    """Versions of each resource that the target lacks, oldest first."""
    newest: dict[Key, StoredVersion] = {}
    for version in versions:
        newest.setdefault((version.resource_type, version.logical_id), version)
    there = await target.read_many(list(newest))
    found: list[list[StoredVersion]] = []
    for key, version in newest.items():
        had = there[key].version_id if key in there else 0
        if version.version_id <= had:
            continue
        chain = [version] if version.version_id == 1 else await _chain(source, key)
        found.append([one for one in chain if one.version_id > had])
    return found


async def _chain(source: ResourceStore, key: Key) -> list[StoredVersion]:
    query = HistoryQuery(resource_type=key[0], logical_id=key[1], page_count=PAGE_COUNT)
    found: list[StoredVersion] = []
    while True:
        page = await source.history(query)
        found += page.versions
        if page.next is None:
            return found[::-1]
        query = replace(query, after=page.next)


async def _write(target: ResourceStore, extract: Extract, versions: list[StoredVersion]) -> None:
    """Write the versions of one resource; only the last one is found by anything."""
    for version in versions:
        values = None
        if version.body is not None:
            values = extract(version) if version is versions[-1] else IndexValues()
        await target.commit([Write(version=version, values=values)])


def _chunks(chains: list[list[StoredVersion]]) -> list[list[list[StoredVersion]]]:
    return [chains[start : start + CONCURRENT] for start in range(0, len(chains), CONCURRENT)]


def _hash(version: StoredVersion) -> int:
    head = (
        f"{version.resource_type}/{version.logical_id}/{version.version_id} "
        f"{version.method} {version.last_updated.isoformat()} "
    )
    body = b"-" if version.body is None else b"+" + version.body
    return int.from_bytes(hashlib.sha256(head.encode() + body).digest())
