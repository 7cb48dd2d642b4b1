"""The SQLite store alone: CPU of reads, commits and searches, and how searches grow.

``python -m benchmarks store [--patients 1000,10000] [--count N]`` fills one file a size with
patients and 30 records each. Parsing, validation and HTTP are not in these numbers.
"""

import argparse
import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.population import FAMILIES, Population
from benchmarks.report import Row, save, show
from fhir_server.definitions import load_registry
from fhir_server.model import LogicalId, ResourceType, VersionId, encode
from fhir_server.search import IndexExtractor, IndexValues, QueryParser, SearchQuery
from fhir_server.storage import ResourceStore, StoredVersion, Write
from fhir_server.storage.sqlite import open_sqlite

BASE_URL = "http://127.0.0.1:8080/fhir"
AT = datetime(2026, 3, 2, tzinfo=UTC)
AT_ONCE = 32
PAGE = 20

Call = Callable[[], Awaitable[Any]]


class Workload:
    """What is done to one store.

    Args:
        store: Filled with the records of `patients` patients.
        patients: How many.
    """

    def __init__(self, store: ResourceStore, patients: int) -> None:
        registry = load_registry()
        self._store = store
        self._patients = patients
        self._population = Population()
        self._extractor = IndexExtractor(registry, base_urls=[BASE_URL])
        self._parser = QueryParser(registry)
        self._random = Random(1)
        self._made = 0

    async def fill(self) -> None:
        """Commit a bundle a patient, eight at a time."""
        for start in range(0, self._patients, 8):
            bundles = [
                [self.write(r) for r in (self._population.patient(n), *self._population.records(n))]
                for n in range(start, min(start + 8, self._patients))
            ]
            await asyncio.gather(*map(self._store.commit, bundles))

    def write(self, resource: dict[str, Any], version_id: int = 1) -> Write:
        """Make a write of a resource."""
        meta = {"versionId": str(version_id), "lastUpdated": "2026-03-02T00:00:00.000Z"}
        resource = {**resource, "meta": {**resource.get("meta", {}), **meta}}
        version = StoredVersion(
            resource_type=ResourceType(resource["resourceType"]),
            logical_id=LogicalId(resource["id"]),
            version_id=VersionId(version_id),
            last_updated=AT,
            method="PUT",
            body=encode(resource),
        )
        values: IndexValues = self._extractor.extract(resource)
        return Write(version=version, values=values)

    def reads(self) -> Call:
        """Read a patient."""
        key = ResourceType("Patient"), LogicalId(f"bench-{self._one()}")

        async def read() -> None:
            if await self._store.read(*key) is None:
                raise LookupError(key)

        return read

    def creates(self) -> Call:
        """Create a patient or one of its records."""
        number = self._patients + 1_000_000 + self._made
        self._made += 1
        resource = self._population.patient(number)
        return self._committing([self.write(resource)])

    def updates(self) -> Call:
        """Change one value of a new patient."""
        number = self._patients + 1_000_000 + self._made - 1
        self._made -= 1
        resource = {**self._population.patient(number), "birthDate": "1901-01-01"}
        return self._committing([self.write(resource, 2)])

    def bundles(self) -> Call:
        """Commit a patient with 30 records."""
        number = self._patients + 2_000_000 + self._made
        self._made += 1
        resources = (self._population.patient(number), *self._population.records(number))
        return self._committing([self.write(resource) for resource in resources])

    def searches(self, pattern: str) -> Callable[[], Call]:
        """Search with another patient's values each time."""

        def make() -> Call:
            person = self._population.person(self._one())
            text = pattern.format(
                id=person.logical_id, tax=person.tax_number, family=FAMILIES[self._one() % 20],
                birth=person.birth_date,
            )  # fmt: skip
            query = self.query(text)

            async def search() -> None:
                await self._store.search(query)

            return search

        return make

    def query(self, text: str) -> SearchQuery:
        """Parse ``Type?parameters``."""
        resource_type, _, rest = text.partition("?")
        pairs = [(name, value) for name, _, value in (p.partition("=") for p in rest.split("&"))]
        pairs.append(("_count", str(PAGE)))
        return self._parser.parse([resource_type], pairs, base_url=BASE_URL).query

    def _committing(self, writes: Sequence[Write]) -> Call:
        return lambda: self._store.commit(writes)

    def _one(self) -> int:
        return self._random.randrange(self._patients)


SEARCHES = {
    "token (identifier)": "Patient?identifier={tax}",
    "token (status)": "Encounter?status=finished",
    "token (two codes)": "Patient?gender=male,female",
    "string": "Patient?family={family}",
    "string, contains": "Patient?family:contains=нк",
    "date (day)": "Patient?birthdate={birth}",
    "date (month)": "Observation?date=2025-02",
    "date (ge)": "Observation?date=ge2025-06-01",
    "reference": "Observation?subject=Patient/{id}",
    "reference and token": "Observation?subject=Patient/{id}&code=http://loinc.org|8310-5",
    "token and date": "Observation?status=final&date=2025-02",
    "reference, sorted": "Observation?subject=Patient/{id}&_sort=-date",
    "all, sorted by date": "Observation?_sort=-date",
    "token, sorted by date": "Encounter?status=finished&_sort=-date",
    "chain": "Observation?subject:Patient.identifier={tax}",
    "_has": "Patient?_has:Condition:subject:code=J06.9",
    "_lastUpdated": "Patient?_lastUpdated=ge2026-01-01",
    "everything": "Patient?",
}


async def measured(name: str, make: Callable[[], Call], *, at_once: int, count: int) -> Row:
    """Run ``count`` calls, ``at_once`` of them together; making them is not measured."""
    times: list[float] = []
    errors = 0

    async def timed(call: Call) -> None:
        started = time.perf_counter()
        await call()
        times.append(time.perf_counter() - started)

    cpu_s = wall_s = 0.0
    for _ in range(max(count // at_once, 1)):
        calls = [make() for _ in range(at_once)]
        cpu, wall = time.process_time(), time.perf_counter()
        outcomes = await asyncio.gather(*map(timed, calls), return_exceptions=True)
        cpu_s += time.process_time() - cpu
        wall_s += time.perf_counter() - wall
        wrong = [outcome for outcome in outcomes if outcome is not None]
        errors += len(wrong)
        if wrong and errors == len(wrong):
            print(f"{name}: {wrong[0]!r}")
    times.sort()
    done = max(len(times), 1)
    return Row(
        name=name,
        per_cpu_s=done / cpu_s,
        per_s=done / wall_s,
        p50_ms=times[done // 2] * 1000 if times else 0,
        p99_ms=times[int(done * 0.99)] * 1000 if times else 0,
        errors=errors,
        budget="",
    )


async def rows(folder: Path, patients: int, count: int) -> tuple[list[Row], dict[str, Any]]:
    """Fill a store of that size and measure everything."""
    path = folder / f"{patients}.sqlite"
    store = await open_sqlite(path)
    work = Workload(store, patients)
    await work.fill()
    found = [await measured("read by id", work.reads, at_once=AT_ONCE, count=10 * count)]
    for name, pattern in SEARCHES.items():
        found.append(await measured(name, work.searches(pattern), at_once=1, count=count))
    found.append(await measured("create", work.creates, at_once=AT_ONCE, count=4 * count))
    found.append(await measured("update", work.updates, at_once=AT_ONCE, count=4 * count))
    found.append(await measured("bundle of 31", work.bundles, at_once=4, count=count // 4))
    await store.close()
    return found, sizes(path, patients * 31)


def sizes(path: Path, resources: int) -> dict[str, Any]:
    """Bytes a resource, by table and index, the largest first."""
    connection = sqlite3.connect(path)
    found = connection.execute(
        "SELECT name, sum(pgsize) FROM dbstat WHERE aggregate = TRUE GROUP BY name ORDER BY 2 DESC"
    ).fetchall()
    connection.close()
    return {name: round(size / resources, 1) for name, size in found if size > resources}


def main(arguments: list[str]) -> None:
    """Measure each size and print them side by side."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks store")
    parser.add_argument("--patients", default="1000,10000")
    parser.add_argument("--count", type=int, default=400, help="searches a row")
    options = parser.parse_args(arguments)
    by_size = {}
    bytes_by_size = {}
    with tempfile.TemporaryDirectory() as name:
        for patients in map(int, options.patients.split(",")):
            by_size[patients], bytes_by_size[patients] = asyncio.run(
                rows(Path(name), patients, options.count)
            )
    headings = ("CPU µs each", *(f"{patients:,} patients" for patients in by_size))
    lines = [
        (same[0].name, *(f"{1e6 / row.per_cpu_s:,.0f}" for row in same))
        for same in zip(*by_size.values(), strict=True)
    ]
    show("SQLite store", headings, lines)
    print(json.dumps(bytes_by_size, indent=1))
    flat = [row for found in by_size.values() for row in found]
    save("store", flat, sizes=list(by_size), bytes_a_resource=bytes_by_size)
