"""Several processes for many sources, each with a validator of its own; answers keep their order.

Plans of types are made in each process, so a second one pays from a few hundred files on.
"""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from multiprocessing.connection import Connection
from typing import NamedTuple

from fhir_server.cli.sources import Source
from fhir_server.cli.validate.checker import Checked, Checker, Files
from fhir_server.cli.validate.options import Demand
from fhir_server.definitions import Registry

CHUNK = 32
"""Sources sent at once: sending one by one costs more than checking a small resource."""


class _Worker(NamedTuple):
    process: multiprocessing.Process
    pipe: "Connection[object, object]"


def check_all(
    sources: Iterable[Source], registry: Registry, demand: Demand, files: Files, jobs: int
) -> Iterator[Checked]:
    """Yield what is found in each source, in their order.

    Args:
        sources: Read no further than needed.
        registry: The definitions; forked processes share its memory.
        demand: What is asked of every resource.
        files: Lists the files among which targets are; each process looks for itself.
        jobs: How many processes; 1 does it in this one.
    """
    if jobs == 1:
        checker = Checker(registry, demand, files)
        yield from (checker.check(source) for source in sources)
        return
    workers = [_start(registry, demand, files) for _ in range(jobs)]
    try:
        yield from _distribute(iter(sources), workers)
    finally:
        for worker in workers:
            worker.pipe.close()
        for worker in workers:
            worker.process.join()


def _distribute(sources: Iterator[Source], workers: list[_Worker]) -> Iterator[Checked]:
    """Keep every worker busy with one chunk; take answers in the order of the questions.

    More than one chunk under way could fill the pipe from both ends.
    """
    waiting: deque[_Worker] = deque()
    for worker in workers:
        if not _send(sources, worker, waiting):
            break
    while waiting:
        worker = waiting.popleft()
        answer = worker.pipe.recv()
        assert isinstance(answer, list)  # noqa: S101 # what `_work` sends
        _send(sources, worker, waiting)
        yield from answer


def _send(sources: Iterator[Source], worker: _Worker, waiting: deque[_Worker]) -> bool:
    chunk = list(islice(sources, CHUNK))
    if chunk:
        worker.pipe.send(chunk)
        waiting.append(worker)
    return bool(chunk)


def _start(registry: Registry, demand: Demand, files: Files) -> _Worker:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(
        target=_work, args=(here, there, registry, demand, files), daemon=True
    )
    process.start()
    there.close()
    return _Worker(process, here)  # type: ignore[arg-type] # a process of the context is one


def _work(
    other_end: "Connection[object, object]",
    pipe: "Connection[object, object]",
    registry: Registry,
    demand: Demand,
    files: Files,
) -> None:
    """Answer chunks until the other end closes; so must the copy of it that a fork leaves here."""
    other_end.close()
    checker = Checker(registry, demand, files)
    while True:
        try:
            chunk = pipe.recv()
        except EOFError:
            return
        assert isinstance(chunk, list)  # noqa: S101 # what `_send` sends
        pipe.send([checker.check(source) for source in chunk])
