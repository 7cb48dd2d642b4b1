"""Kill -9 of the server, or of mongod, while clients send transactions: what is lost, what is torn?

``python -m benchmarks crash [--rounds N] [--kill WHAT]`` kills ``serve`` on SQLite, ``serve`` on
MongoDB, and mongod under ``serve``, N times each, at random moments; what the clients send and what
is looked at tells ``tests.support.ingestion``. Ends with 1 where anything is lost, torn or wrong.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.report import save, show
from tests.support.ingestion import Ingestion
from tests.support.mongod import ReplicaSet
from tests.support.serving import Serving

Killed = tuple[Serving, Callable[[], None]]


@contextmanager
def _serve_on_sqlite(folder: Path) -> Iterator[Killed]:
    with Serving(f"sqlite:///{folder / 'crash.sqlite'}") as server:
        yield server, lambda: _again(server)


@contextmanager
def _serve_on_mongodb(folder: Path) -> Iterator[Killed]:
    with ReplicaSet(folder) as servers, Serving(servers.url) as server:
        yield server, lambda: _again(server)


@contextmanager
def _mongod(folder: Path) -> Iterator[Killed]:
    with ReplicaSet(folder) as servers, Serving(servers.url) as server:

        def disturb() -> None:
            servers.kill(0)
            servers.start(0)
            servers.primary()

        yield server, disturb


def _again(server: Serving) -> None:
    server.kill()
    server.start()


KILLS = {
    "serve on SQLite": _serve_on_sqlite,
    "serve on MongoDB": _serve_on_mongodb,
    "mongod": _mongod,
}


def main(arguments: list[str]) -> None:
    """Kill, look, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks crash")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--kill", choices=KILLS, action="append")
    options = parser.parse_args(arguments)
    found = {name: _killed(name, options.rounds) for name in options.kill or KILLS}
    headings = ("killed", "times", "acknowledged", "sent again", "lost", "torn", "wrong")
    rows = [
        (name, str(options.rounds), *(str(number) for number in numbers.values()))
        for name, numbers in found.items()
    ]
    show("bundles of seven entries, each with an update beside it; four clients", headings, rows)
    save("crash", [], rounds=options.rounds, killed=found)
    if any(numbers[kind] for numbers in found.values() for kind in ("lost", "torn", "wrong")):
        sys.exit(1)


def _killed(name: str, rounds: int) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder, KILLS[name](Path(folder)) as (server, disturb):
        work = Ingestion(server.base_url)
        asyncio.run(work.run(disturb, rounds))
    for problem in (*work.lost, *work.torn, *work.wrong):
        sys.stderr.write(f"{name}: {problem}\n")
    return {
        "acknowledged": sum(work.acknowledged.values()),
        "sent_again": work.unanswered,
        "lost": len(work.lost),
        "torn": len(work.torn),
        "wrong": len(work.wrong),
    }
