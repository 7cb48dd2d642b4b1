"""HTTP: reads, validated creates, the CRUD mix, transaction bundles and searches.

``python -m benchmarks requests [--store URL] [--patients N] [--seconds S]`` loads N patients with
30 records each, measures each kind of request over 32 connections, checks every answer.
"""

import argparse
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from benchmarks.load import Call, run
from benchmarks.population import Person, Population, transaction
from benchmarks.process import Server
from benchmarks.report import HEADINGS, measure, save, show
from benchmarks.split import show_split
from tests.support.mongod import ReplicaSet

CREATE_PATIENT = "create Patient, validated"
BATCH_PATIENTS = 8
PAGE = 20
CACHE_GB = 2.0
"""Of a MongoDB started here: its default is half the memory, that of tests an eighth of this, which
is less than the data and doubles the database's CPU of a write."""


def main(arguments: list[str]) -> None:
    """Load the population, measure, print the table and save it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks requests")
    parser.add_argument(
        "--store",
        default="sqlite",
        help="sqlite, mongodb (started here), both, or a mongodb:// URL",
    )
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--only", default="", help="measure only rows whose name contains this")
    options = parser.parse_args(arguments)
    stores = ("sqlite", "mongodb") if options.store == "both" else (options.store,)
    for store in stores:
        with tempfile.TemporaryDirectory() as name, _started(store, Path(name)) as server:
            _measure(store.partition(":")[0], server, options)


@contextmanager
def _started(store: str, folder: Path) -> Iterator[Server]:
    """Start a server on the store; on a MongoDB of its own where none is named."""
    if store == "mongodb":
        with (
            ReplicaSet(folder / "mongod", cache_gb=CACHE_GB) as own,
            Server(own.url, folder=folder, database_pids=(own.pid(0),)) as server,
        ):
            yield server
        return
    named = f"sqlite:///{folder / 'bench.sqlite'}" if store == "sqlite" else store
    with Server(named, folder=folder) as server:
        yield server


def _measure(name: str, server: Server, options: argparse.Namespace) -> None:
    population = Population()
    loaded_s = load(server, population, options.patients)
    rows = [
        measure(title, server, calls, budget=budget, seconds=options.seconds)
        for title, calls, budget in questions(population, options.patients)
        if options.only in title
    ]
    memory = server.usage().rss_bytes
    show(f"{options.patients} patients, {name}", HEADINGS, [r.cells for r in rows])
    print(f"loaded in {loaded_s:.0f} s; resident memory at the end {memory / 1e6:.0f} MB")
    facts: dict[str, object] = {"patients": options.patients, "rss_bytes": memory}
    whole = next((row.server_us for row in rows if row.name == CREATE_PATIENT), None)
    if whole is not None and name == "sqlite":
        facts["create"] = dict(show_split(population.patient(0), whole))
    save(f"requests-{name}", rows, **facts)


def load(server: Server, population: Population, patients: int) -> float:
    """Put the population through the front door, in validated transactions."""

    def calls() -> Iterator[Call]:
        for start in range(0, patients, BATCH_PATIENTS):
            numbers = range(start, min(patients, start + BATCH_PATIENTS))
            resources = [
                r for n in numbers for r in (population.patient(n), *population.records(n))
            ]
            yield Call(method="POST", path="", body=encode(transaction(resources)))

    result = run(server.base_url, calls(), connections=8, seconds=3600)
    if result.errors:
        raise RuntimeError(result.errors[0])
    return result.wall_s


Question = tuple[str, Callable[[], Iterator[Call]], str]


def questions(population: Population, patients: int) -> list[Question]:
    """Return what is measured: name, stream of calls, budget of DESIGN 13."""
    people = [population.person(n) for n in Random(7).sample(range(patients), min(patients, 2000))]
    fresh = itertools.count(10_000_000)
    searched = "≥ 1,000/CPU-s, p99 ≤ 25 ms"
    return [
        ("read by id", lambda: reads(people), "≥ 2,500/CPU-s (MongoDB 2,000), p99 ≤ 15 ms"),
        ("search, token (identifier)", lambda: searches(people, by_identifier), searched),
        ("search, token (code)", lambda: searches(people, by_code), searched),
        ("search, date (day)", lambda: searches(people, by_day), searched),
        ("search, string (prefix)", lambda: searches(people, by_family), searched),
        ("search, reference", lambda: searches(people, by_patient), searched),
        (CREATE_PATIENT, lambda: creates(fresh, is_patient=True), "≥ 800/CPU-s"),
        ("create Observation, validated", lambda: creates(fresh, is_patient=False), "≥ 800/CPU-s"),
        ("CRUD mix", lambda: mix(people, fresh), "≥ 1,000/CPU-s"),
        ("bundle of 50 (resources)", lambda: bundles(fresh, 50), "≥ 1,500 resources/CPU-s"),
        ("bundle of 500 (resources)", lambda: bundles(fresh, 500), "≥ 1,500 resources/CPU-s"),
    ]


def encode(resource: object) -> bytes:
    """Write JSON as a client would."""
    return json.dumps(resource, ensure_ascii=False).encode()


def reads(people: list[Person]) -> Iterator[Call]:
    """Read patients by id; the answer must be that patient."""
    for person in itertools.cycle(people):
        mark = person.logical_id.encode()
        yield Call(
            method="GET",
            path=f"Patient/{person.logical_id}",
            is_right=lambda status, body, mark=mark: status == 200 and mark in body,
        )


def searches(people: list[Person], query: Callable[[Person, Random], str]) -> Iterator[Call]:
    """Search with one parameter; the answer must be a page with at least one match."""
    random = Random(11)
    for person in itertools.cycle(people):
        yield Call(
            method="GET",
            path=f"{query(person, random)}&_count={PAGE}",
            is_right=lambda status, body: status == 200 and b'"fullUrl"' in body,
        )


def by_identifier(person: Person, _: Random) -> str:
    """One patient by tax number."""
    return f"Patient?identifier=https://fhir.esoz.ua/sid/rnokpp%7C{person.tax_number}"


def by_code(_: Person, random: Random) -> str:
    """Many observations by code."""
    return f"Observation?code=http://loinc.org%7C{random.choice(('8310-5', '85354-9'))}"


def by_day(_: Person, random: Random) -> str:
    """Observations of one day."""
    return f"Observation?date=2025-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"


def by_family(person: Person, _: Random) -> str:
    """Patients by the beginning of the family name."""
    from urllib.parse import quote

    return f"Patient?family={quote(person.family[:9])}"


def by_patient(person: Person, _: Random) -> str:
    """Observations of one patient."""
    return f"Observation?subject=Patient/{person.logical_id}"


def creates(fresh: Iterator[int], *, is_patient: bool) -> Iterator[Call]:
    """Create resources that claim their national profile."""
    population = Population(seed=2, prefix="fresh")
    for number in fresh:
        resource = population.patient(number) if is_patient else None
        if resource is None:
            records = population.records(number)
            resource = next(r for r in records if r["resourceType"] == "Observation")
        del resource["id"]
        yield Call(
            method="POST",
            path=resource["resourceType"],
            body=encode(resource),
            is_right=lambda status, _: status == 201,
        )


def mix(people: list[Person], fresh: Iterator[int]) -> Iterator[Call]:
    """Create, read, update and delete by quarters, each on its own patient."""
    population = Population(seed=3, prefix="mix")
    for number, person in zip(fresh, itertools.cycle(people), strict=False):
        resource = population.patient(number)
        path = f"Patient/{resource['id']}"
        yield Call(method="PUT", path=path, body=encode(resource))
        yield next(reads([person]))
        resource["active"] = False
        yield Call(method="PUT", path=path, body=encode(resource))
        yield Call(method="DELETE", path=path, is_right=lambda s, _: s in {200, 204})


def bundles(fresh: Iterator[int], entries: int) -> Iterator[Call]:
    """Transactions of patients with their records."""
    population = Population(seed=4, prefix="bundle")
    for _ in fresh:
        number = next(fresh) * 20
        yield Call(
            method="POST",
            path="",
            body=encode(population.visit_bundle(number, entries)),
            weight=entries,
        )
