"""Where the CPU of one create goes: the parts in process, the rest by what a server used.

The budgets are those of the design page. Parts are the least of many means in a warm process, where
the processor's caches know them; within a server the same work takes up to twice as long. What is
left of the server's time is HTTP, dispatch, and that difference.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.report import show
from fhir_server.definitions import Registry, load_registry
from fhir_server.model import LogicalId, ResourceType, VersionId, decode_object, encode
from fhir_server.search import IndexExtractor
from fhir_server.storage import ResourceStore, StoredVersion, Write
from fhir_server.storage.sqlite import open_sqlite
from fhir_server.terminology import Terminology
from fhir_server.validation import ValidationOptions, Validator

CONNECTIONS = 32
ROUNDS = 40
BUDGETS = {
    "HTTP in and out, dispatch, the rest": 150,
    "decode": 30,
    "validation": 250,
    "index values": 120,
    "encode": 0,
    "store": 100,
}


def show_split(resource: dict[str, Any], server_us: float | None = None) -> Mapping[str, float]:
    """Print and return the parts, in microseconds; the rest where the whole is known.

    Args:
        resource: What is created, as posted.
        server_us: CPU of a server for one create, SQLite's included.
    """
    parts = measured(resource)
    if server_us is not None:
        rest = server_us - sum(parts.values())
        parts = {"HTTP in and out, dispatch, the rest": rest, **parts}
    budget = sum(BUDGETS[name] for name in parts)
    lines: list[tuple[str, ...]] = [
        (name, f"{us:.1f}", f"{BUDGETS[name] or ''}") for name, us in parts.items()
    ]
    lines.append(("together", f"{sum(parts.values()):.1f}", str(budget)))
    title = f"a create of {resource['resourceType']}, µs of CPU"
    show(title, ("part", "µs", "budget"), lines)
    return parts


def measured(resource: dict[str, Any]) -> dict[str, float]:
    """Return what each part of a create takes in this process, in microseconds."""
    registry = load_registry()
    options = ValidationOptions(best_practice=None, with_demands=True)
    validator = Validator(registry, Terminology(registry), options)
    extractor = IndexExtractor(registry)
    text = encode(resource)
    stored = _stamped(resource, "a", datetime.now(UTC))
    parts: dict[str, Callable[[], Any]] = {
        "decode": lambda: decode_object(text),
        "validation": lambda: validator.validate(resource, tells_remarks=False),
        "index values": lambda: extractor.extract(stored),
        "encode": lambda: encode(stored),
    }
    times = {name: least_us(part) for name, part in parts.items()}
    return {**times, "store": asyncio.run(_store_us(registry, resource))}


def least_us(part: Callable[[], Any]) -> float:
    """Return the least of many means: what other work on the machine adds is no part of it."""
    means = []
    for _ in range(200):
        started = time.process_time()
        for _ in range(10):
            part()
        means.append((time.process_time() - started) / 10 * 1e6)
    return min(means)


async def _store_us(registry: Registry, resource: dict[str, Any]) -> float:
    """Commit so many creates at once to an SQLite file, durably; the least mean of many rounds."""
    extractor = IndexExtractor(registry)
    with tempfile.TemporaryDirectory() as folder:
        store = await open_sqlite(Path(folder) / "split.sqlite")
        try:
            means = []
            for number in range(ROUNDS):
                writes = [_write(extractor, resource, f"{number}-{n}") for n in range(CONNECTIONS)]
                means.append(await _commit_us(store, writes))
        finally:
            await store.close()
    return min(means)


async def _commit_us(store: ResourceStore, writes: Sequence[Write]) -> float:
    started = time.process_time()
    await asyncio.gather(*(store.commit([write]) for write in writes))
    return (time.process_time() - started) / len(writes) * 1e6


def _write(extractor: IndexExtractor, resource: dict[str, Any], logical_id: str) -> Write:
    now = datetime.now(UTC)
    stored = _stamped(resource, logical_id, now)
    version = StoredVersion(
        resource_type=ResourceType(resource["resourceType"]),
        logical_id=LogicalId(logical_id),
        version_id=VersionId(1),
        last_updated=now,
        method="POST",
        body=encode(stored),
    )
    return Write(version=version, values=extractor.extract(stored))


def _stamped(resource: dict[str, Any], logical_id: str, at: datetime) -> dict[str, Any]:
    meta = {**resource.get("meta", {}), "versionId": "1", "lastUpdated": at.isoformat()}
    return {**resource, "id": logical_id, "meta": meta}
