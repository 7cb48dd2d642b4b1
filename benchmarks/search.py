"""Search: every category, several sizes; how latency grows, and whether every answer is right.

``python -m benchmarks search [--store sqlite|mongodb] [--patients 1000,8000,64000] [--seconds S]``
fills a store a size (30 records a patient), then searches over HTTP. Before a question is timed,
its answers are compared with the truth: the accurate total, each match, all pages of small ones.
While it is timed, every page must have the right number of matches.
"""

import argparse
import asyncio
import itertools
import json
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

from benchmarks.asked import Asked
from benchmarks.filling import Truth, fill
from benchmarks.load import Call
from benchmarks.process import Server
from benchmarks.questions import QUESTIONS
from benchmarks.report import Row, measure, save, show
from fhir_server.storage import ResourceStore
from fhir_server.storage.mongodb import open_mongodb
from fhir_server.storage.sqlite import open_sqlite
from tests.support.mongod import ReplicaSet

PAGE = 20
INSTANCES = 12
"""Different values a question is asked with."""
CONNECTIONS = 4
WALKED = 200
"""Answers of up to so many matches are followed over all pages when they are checked."""
CACHE_GB = 4.0
BUDGET_GROWTH = 1.5
BASE_URL = "http://127.0.0.1:8080/fhir"


def main(arguments: list[str]) -> None:
    """Fill, check, measure, print and save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks search")
    parser.add_argument("--store", choices=("sqlite", "mongodb"), default="sqlite")
    parser.add_argument("--patients", default="1000,8000,64000")
    parser.add_argument("--seconds", type=float, default=3.0, help="a question")
    parser.add_argument("--only", default="", help="questions whose name contains this")
    options = parser.parse_args(arguments)
    rows: dict[int, list[Row]] = {}
    facts: dict[str, Any] = {}
    for patients in map(int, options.patients.split(",")):
        with tempfile.TemporaryDirectory() as name:
            rows[patients], facts[str(patients)] = _measured(Path(name), patients, options)
    _show(options.store, rows)
    save(
        f"search-{options.store}",
        [replace(row, name=f"{row.name} @{n}") for n, found in rows.items() for row in found],
        growth=_growths(rows),
        budget_growth=BUDGET_GROWTH,
        sizes=facts,
    )


def _measured(
    folder: Path, patients: int, options: argparse.Namespace
) -> tuple[list[Row], dict[str, Any]]:
    """Measure one size."""
    with _filled(options.store, folder, patients) as (server, truth, filled_s):
        print(f"{patients} patients stored in {filled_s:.0f} s", flush=True)
        found: list[Row] = []
        plans: dict[str, Any] = {}
        for question in QUESTIONS:
            if options.only not in question.name:
                continue
            random = Random(question.name)
            asked = [question.make(truth, random) for _ in range(INSTANCES)]
            wrong = [fault for one in asked for fault in faults(server.base_url, one)]
            row = measure(
                question.name,
                server,
                lambda asked=asked: calls(asked),  # type: ignore[misc] # bound in this round
                budget=question.note,
                connections=CONNECTIONS,
                seconds=options.seconds,
                warm_s=0.5,
            )
            found.append(replace(row, errors=row.errors + len(wrong)))
            for fault in wrong[:1]:
                print(f"WRONG {question.name}: {fault}", flush=True)
            plans[question.name] = plan(server.base_url, asked[0])
        memory = server.usage().rss_bytes
    return found, {"filled_s": round(filled_s), "rss_bytes": memory, "plans": plans}


@contextmanager
def _filled(store: str, folder: Path, patients: int) -> Iterator[tuple[Server, Truth, float]]:
    """A server on a filled store."""
    if store == "sqlite":
        path = folder / "search.sqlite"
        with _served(f"sqlite:///{path}", lambda: open_sqlite(path), folder, patients) as served:
            yield served
        return
    with (
        ReplicaSet(folder / "mongod", cache_gb=CACHE_GB) as own,
        _served(
            own.url,
            lambda: open_mongodb(own.url, timeout_ms=60_000),
            folder,
            patients,
            database_pids=(own.pid(0),),
        ) as served,
    ):
        yield served


@contextmanager
def _served(
    url: str,
    open_store: Callable[[], Any],
    folder: Path,
    patients: int,
    *,
    database_pids: tuple[int, ...] = (),
) -> Iterator[tuple[Server, Truth, float]]:
    """Start the server on the empty store first: it notes that the index of everything is complete.

    Without that note it indexes all resources anew, beside the searches that are measured.
    """
    with Server(url, folder=folder):
        pass
    truth, filled_s = asyncio.run(_fill(open_store, patients))
    with Server(url, folder=folder, database_pids=database_pids) as server:
        yield server, truth, filled_s


async def _fill(open_store: Callable[[], Any], patients: int) -> tuple[Truth, float]:
    started = time.perf_counter()
    store: ResourceStore = await open_store()
    truth = await fill(store, patients, BASE_URL)
    await store.close()
    return truth, time.perf_counter() - started


# -- asking


def url(path: str, **more: object) -> str:
    """Write a search with its values percent-encoded, and further parameters."""
    base, _, query = path.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    pairs += [(name, "=", str(value)) for name, value in more.items()]
    return f"{base}?" + "&".join(f"{name}={quote(value, safe='/:')}" for name, _, value in pairs)


def calls(asked: list[Asked]) -> Iterator[Call]:
    """Ask in turn; a page must have as many matches as there are, or as fit."""
    made = []
    for one in asked:
        matches = min(one.total, PAGE)

        def is_right(status: int, body: bytes, matches: int = matches) -> bool:
            return status == 200 and body.count(b'"mode":"match"') == matches

        made.append(Call(method="GET", path=url(one.path, _count=PAGE), is_right=is_right))
    yield from itertools.cycle(made)


def faults(base_url: str, asked: Asked) -> Iterator[str]:
    """Compare the answer with the truth, match by match."""
    page = get(f"{base_url}/{url(asked.path, _count=PAGE, _total='accurate')}")
    if "refused" not in page and page.get("total") != asked.total:
        yield f"{asked.path}: total {page.get('total')}, expected {asked.total}"
    if (
        "refused" in page and asked.total > WALKED
    ):  # counting may cost too much where a page does not
        page = get(f"{base_url}/{url(asked.path, _count=PAGE)}")
    if "refused" in page:
        yield f"{asked.path}: {page['refused']}"
        return
    seen: list[str] = []
    while True:
        matches = resources(page, "match")
        seen += [f"{match['resourceType']}/{match['id']}" for match in matches]
        yield from (f"{asked.path}: {fault}" for fault in page_faults(page, asked))
        following = [one["url"] for one in page["link"] if one["relation"] == "next"]
        if not following or asked.total > WALKED:
            break
        page = get(following[0])
    expected = asked.total if asked.total <= WALKED else PAGE
    if len(set(seen)) != len(seen) or len(seen) != expected:
        yield f"{asked.path}: {len(seen)} matches, {len(set(seen))} different, not {expected}"


def page_faults(page: Any, asked: Asked) -> Iterator[str]:
    """What is wrong with one page: its matches, their order, what is included."""
    matches = resources(page, "match")
    for match in matches:
        if not asked.is_match(match):
            yield f"{match['id']} does not match"
    if asked.order is not None:
        keys = [asked.order(match) for match in matches]
        if keys != sorted(keys, reverse=asked.is_descending):
            yield "out of order"
    if asked.is_included is not None and not asked.is_included(matches, resources(page, "include")):
        yield "the included resources are not those expected"


def resources(page: Any, mode: str) -> list[Any]:
    """The resources of a page that match, or that are included."""
    return [e["resource"] for e in page.get("entry", ()) if e["search"]["mode"] == mode]


def get(address: str) -> Any:
    """Read JSON; a refusal is a page without anything."""
    try:
        with urllib.request.urlopen(address, timeout=120) as answer:  # noqa: S310 # loopback
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            outcome = json.load(error)
        text = outcome["issue"][0].get("diagnostics", "")
        return {"link": [], "refused": f"{error.code} {text}"}


def plan(base_url: str, asked: Asked) -> list[str]:
    """Tell what the store reads for a question: the steps of ``_explain``."""
    found = get(f"{base_url}/{url(asked.path, _count=PAGE, _explain='true')}")
    return [text for text in _strings(found) if " " in text][:30]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


# -- telling


def _growths(rows: dict[int, list[Row]]) -> dict[str, tuple[float, float]]:
    """p50, and CPU a search, at the largest size by those at the smallest."""
    first, last = rows[min(rows)], rows[max(rows)]
    return {
        small.name: (
            round(large.p50_ms / small.p50_ms, 2),
            round(small.per_cpu_s / max(large.per_cpu_s, 1e-9), 2),
        )
        for small, large in zip(first, last, strict=True)
    }


def _show(store: str, rows: dict[int, list[Row]]) -> None:
    growths = _growths(rows)
    sizes = (f"{n:,}: p50 / p99 ms, CPU µs" for n in rows)
    table = []
    for same in zip(*rows.values(), strict=True):
        p50, cpu = growths[same[0].name]
        cells = [
            f"{row.p50_ms:.1f} / {row.p99_ms:.1f}, {1e6 / max(row.per_cpu_s, 1e-9):,.0f}"
            for row in same
        ]
        mark = " !" if p50 > BUDGET_GROWTH else ""
        errors = str(sum(row.errors for row in same))
        table.append((same[0].name, *cells, f"{p50:.2f}{mark}", f"{cpu:.2f}", errors))
    headings = ("search", *sizes, "growth p50", "of CPU", "errors")
    show(f"searches by number of patients, {store}", headings, table)
    over = [name for name, (p50, _) in growths.items() if p50 > BUDGET_GROWTH]
    print(f"p50 grows more than {BUDGET_GROWTH} times: {', '.join(over) or 'none'}")
