"""A store filled with the population behind the server's back, and the truth about what is in it.

Resources are made and indexed by all cores, then committed by one process: 64,000 patients through
the front door would take the better part of an hour.
"""

import asyncio
import json
import multiprocessing
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from benchmarks.population import Population, Resource
from fhir_server.definitions import load_registry
from fhir_server.model import LogicalId, ResourceType, VersionId, encode
from fhir_server.search import IndexExtractor
from fhir_server.storage import ResourceStore, StoredVersion, Write

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
CHUNK = 40
"""Patients a worker makes at once."""
PATIENTS_AN_ORGANIZATION = 20


class Patient(NamedTuple):
    """What searches look for in a patient."""

    number: int
    logical_id: str
    family: str
    given: str
    city: str
    gender: str
    birth_date: str
    tax_number: str


@dataclass(slots=True, kw_only=True)
class Truth:
    """What there is to find, counted while it was stored.

    Attributes:
        patients: All of them.
        organizations: Names.
        temperatures: (day, degrees) of body temperatures.
        pressures: (day, systolic, diastolic) of blood pressures.
        visits: Days of encounters.
        conditions: (ICPC-2 code, day recorded).
        patients_with: Numbers of the patients that have a condition, by its ICPC-2 code.
    """

    patients: list[Patient] = field(default_factory=list)
    organizations: list[str] = field(default_factory=list)
    temperatures: Counter[tuple[str, Decimal]] = field(default_factory=Counter)
    pressures: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    visits: Counter[str] = field(default_factory=Counter)
    conditions: Counter[tuple[str, str]] = field(default_factory=Counter)
    patients_with: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def add(self, number: int, resource: Resource) -> None:
        """Count one resource of a patient."""
        kind = resource["resourceType"]
        if kind == "Patient":
            name = resource["name"][0]
            self.patients.append(
                Patient(
                    number=number,
                    logical_id=resource["id"],
                    family=name["family"],
                    given=name["given"][0],
                    city=resource["address"][0]["city"],
                    gender=resource["gender"],
                    birth_date=resource["birthDate"],
                    tax_number=resource["identifier"][0]["value"],
                )
            )
        elif kind == "Organization":
            self.organizations.append(resource["name"])
        elif kind == "Encounter":
            self.visits[resource["period"]["start"][:10]] += 1
        elif kind == "Condition":
            code = resource["code"]["coding"][0]["code"]
            self.conditions[code, resource["recordedDate"][:10]] += 1
            self.patients_with[code].add(number)
        elif kind == "Observation":
            self._add_observation(resource)

    def _add_observation(self, resource: Resource) -> None:
        day = resource["effectiveDateTime"][:10]
        if "valueQuantity" in resource:
            self.temperatures[day, Decimal(str(resource["valueQuantity"]["value"]))] += 1
        else:
            high, low = (part["valueQuantity"]["value"] for part in resource["component"])
            self.pressures[day, high, low] += 1

    def merge(self, other: "Truth") -> None:
        """Add what another process counted."""
        self.patients += other.patients
        self.organizations += other.organizations
        for mine, theirs in (
            (self.temperatures, other.temperatures),
            (self.pressures, other.pressures),
            (self.visits, other.visits),
            (self.conditions, other.conditions),
        ):
            mine.update(theirs)  # type: ignore[arg-type] # counters of the same attribute
        for code, numbers in other.patients_with.items():
            self.patients_with[code] |= numbers


async def fill(store: ResourceStore, patients: int, base_url: str) -> Truth:
    """Store so many patients with their records; return the truth about them.

    Args:
        store: Empty.
        patients: How many.
        base_url: Of the server that will answer from the store.
    """
    loop = asyncio.get_running_loop()
    truth = Truth()
    starts = range(0, patients, CHUNK)
    workers = os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: list[asyncio.Future[tuple[list[list[Write]], Truth]]] = []
        for start in starts:
            numbers = range(start, min(start + CHUNK, patients))
            waiting.append(loop.run_in_executor(pool, made, numbers, base_url))
            if len(waiting) > workers + 1:
                await _store(store, await waiting.pop(0), truth)
        for chunk in waiting:
            await _store(store, await chunk, truth)
    return truth


async def _store(
    store: ResourceStore, chunk: tuple[list[list[Write]], Truth], truth: Truth
) -> None:
    writes, counted = chunk
    truth.merge(counted)
    await asyncio.gather(*(store.commit([one]) for together in writes for one in together))


def made(numbers: Sequence[int], base_url: str) -> tuple[list[list[Write]], Truth]:
    """Make the writes of some patients, those of each together, and count what is in them."""
    truth, writes = Truth(), []
    for number in numbers:
        together = []
        for resource in _resources(number):
            truth.add(number, resource)
            together.append(_write(resource, FIRST + timedelta(seconds=number), base_url))
        writes.append(together)
    return writes, truth


def _resources(number: int) -> Iterator[Resource]:
    population = _population()
    if number % PATIENTS_AN_ORGANIZATION == 0:
        serial = number // PATIENTS_AN_ORGANIZATION
        name = f"КНП «Вигаданий центр {serial}»"
        yield {"resourceType": "Organization", "id": f"bench-o{serial}", "name": name}
    yield population.patient(number)
    yield from population.records(number)


def _write(resource: Resource, at: datetime, base_url: str) -> Write:
    exact: dict[str, Any] = json.loads(json.dumps(resource), parse_float=Decimal)
    meta = {"versionId": "1", "lastUpdated": at.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
    exact["meta"] = {**meta, **exact.get("meta", {})}
    version = StoredVersion(
        resource_type=ResourceType(exact["resourceType"]),
        logical_id=LogicalId(exact["id"]),
        version_id=VersionId(1),
        last_updated=at,
        method="PUT",
        body=encode(exact),
    )
    return Write(version=version, values=_extractor(base_url).extract(exact))


@cache
def _population() -> Population:
    return Population()


@cache
def _extractor(base_url: str) -> IndexExtractor:
    return IndexExtractor(load_registry(), base_urls=[base_url], full_text="narrative")
