"""Sizing of MongoDB: bytes and index keys a resource, measured on the population and projected.

``python -m benchmarks sizing [--patients N]`` stores N patients with 30 records each in a replica
set of its own. What is measured comes from ``collStats``; the projection is linear in resources,
which B-trees are to within a few percent.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.population import Population
from benchmarks.report import save, show
from fhir_server.definitions import load_registry
from fhir_server.model import encode
from fhir_server.search import IndexExtractor
from fhir_server.storage import StoredVersion, Write
from fhir_server.storage.mongodb import open_mongodb
from tests.support.mongod import ReplicaSet

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RECORDS = 2_500_000_000
GROUP = 1_000
CACHE_GB = 4
"""Holds the indexes of a million resources: with less, inserts wait for their pages."""


def main(arguments: list[str]) -> None:
    """Store, measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sizing")
    parser.add_argument("--patients", type=int, default=3_300)
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as name,
        ReplicaSet(Path(name), cache_gb=CACHE_GB) as servers,
    ):
        asyncio.run(_fill(servers.url, options.patients))
        with MongoClient[dict[str, Any]](servers.url) as client:
            client.admin.command("fsync")
            stats = client["fhir"].command("collStats", "resources")
            arrays = next(client["fhir"]["resources"].aggregate(_ARRAYS))
    count = stats["count"]
    rows = [("document, JSON and index values (BSON)", stats["size"]), *_files(stats)]
    table = [
        (what, f"{size / count:,.0f}", f"{size / count * RECORDS / 1e12:.2f} TB")
        for what, size in rows
    ]
    show(f"{count} resources", ("what", "bytes a resource", "2.5 bn resources"), table)
    keys = {field: arrays[field] / count for field in ("t", "s", "d", "q", "k")}
    keys |= {"single": 5.0, "all": sum(keys.values()) + 5}
    show(
        "index keys a resource",
        ("array", "keys"),
        [(name, f"{value:.1f}") for name, value in keys.items()],
    )
    save("sizing", [], resources=count, bytes=dict(rows), index_keys=keys)


def _files(stats: dict[str, Any]) -> Iterator[tuple[str, int]]:
    yield "document on disk (zstd)", stats["storageSize"] - stats["freeStorageSize"]
    total = 0
    for name in sorted(stats["indexSizes"]):
        details = stats["indexDetails"].get(name, {}) if "indexDetails" in stats else {}
        free = details.get("block-manager", {}).get("file bytes available for reuse", 0)
        size = stats["indexSizes"][name] - free
        total += size
        yield f"index {name}", size
    yield "all indexes", total
    yield "document and indexes", total + stats["storageSize"] - stats["freeStorageSize"]


_ARRAYS = [
    {
        "$group": {
            "_id": None,
            **{
                field: {"$sum": {"$size": {"$ifNull": [f"${field}", []]}}}
                for field in ("t", "s", "d", "q")
            },
            "k": {"$sum": {"$size": {"$objectToArray": {"$ifNull": ["$k", {}]}}}},
        }
    }
]


async def _fill(url: str, patients: int) -> None:
    registry = load_registry()
    extractor = IndexExtractor(registry, base_urls=[])
    store = await open_mongodb(url, timeout_ms=60_000)
    waiting: list[Write] = []
    for write in _writes(extractor, patients):
        waiting.append(write)
        if len(waiting) == GROUP:
            await asyncio.gather(*(store.commit([one]) for one in waiting))
            waiting.clear()
    await asyncio.gather(*(store.commit([one]) for one in waiting))
    await store.close()


def _writes(extractor: IndexExtractor, patients: int) -> Iterator[Write]:
    population = Population()
    for number in range(patients):
        for made in (population.patient(number), *population.records(number)):
            resource = json.loads(json.dumps(made), parse_float=Decimal)
            meta = {"versionId": "1", "lastUpdated": "2026-03-02T09:30:00.000Z"}
            resource["meta"] = {**meta, **resource.get("meta", {})}
            version = StoredVersion(
                resource_type=resource["resourceType"],
                logical_id=resource["id"],
                version_id=1,  # type: ignore[arg-type] # the first
                last_updated=AT,
                method="PUT",
                body=encode(resource),
            )
            yield Write(version=version, values=extractor.extract(resource))
