"""Validate many resources twice, in several processes, so that it can be stopped and gone on with.

Batches are counted in their order; after each the journal says how far the work has come.
"""

import asyncio
import hashlib
import json
import multiprocessing
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_server.model import JsonObject, decode_stored, encode

if TYPE_CHECKING:
    from fhir_server.authoring import Comparison, Impact

BATCH = 200

_Resources = tuple[tuple[str, bytes], ...]
_Submit = Callable[[_Resources], "asyncio.Future[dict[str, Any]]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What every process needs to know.

    Attributes:
        national: Whether the national package counts; else ``current`` brings all definitions.
        installed: Archives that are installed.
        current: Definitions in force on top of that.
        draft: What is tried.
        profiles: Asked of each resource of a type, claimed or not.
    """

    national: bool
    installed: tuple[Path, ...]
    current: tuple[JsonObject, ...]
    draft: JsonObject
    profiles: dict[str, tuple[str, ...]]

    def digest(self) -> str:
        """Return what changes whenever the answer could."""
        said = [list(self.current), self.draft, self.national, sorted(self.profiles)]
        return hashlib.sha256(encode(said)).hexdigest()

    def comparison(self) -> "Comparison":
        """Load the definitions and put the draft beside them.

        Raises:
            DefinitionErrors: The draft does not compile.
        """
        from fhir_server.authoring import Comparison
        from fhir_server.definitions import load_registry
        from fhir_server.terminology import Terminology
        from fhir_server.validation import ValidationOptions, Validator

        registry = load_registry(national=self.national, installed=self.installed)
        registry = registry.with_resources(self.current)
        options = ValidationOptions(best_practice=None)
        current, draft = (
            Validator(one, Terminology(one), options)
            for one in (registry, registry.with_resources([self.draft]))
        )
        return Comparison(current=current, draft=draft, profiles=self.profiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some resources.

    Attributes:
        resources: Name and JSON of each.
        mark: What the journal keeps when they are counted, so that a later run starts after them.
    """

    resources: tuple[tuple[str, bytes], ...]
    mark: Any


class ImpactJournal:
    """How far a run has come, in a file.

    Args:
        path: The file; None: nothing is kept.
        key: What the counts belong to; those of another draft are begun anew.
    """

    def __init__(self, path: Path | None, key: str) -> None:
        self._path = path
        self._key = key

    def read(self) -> "tuple[Impact, Any]":
        """Return the counts so far and the last mark; None: from the start."""
        from fhir_server.authoring import Impact

        try:
            said = json.loads(self._path.read_text(encoding="utf-8")) if self._path else {}
        except (OSError, ValueError):
            said = {}
        if said.get("key") != self._key:
            return Impact(), None
        return Impact.from_json(said["impact"]), said["mark"]

    def note(self, impact: "Impact", mark: Any) -> None:
        """Keep the counts."""
        if self._path is None:
            return
        part = self._path.with_suffix(".part")
        said = {"key": self._key, "mark": mark, "impact": impact.as_json()}
        part.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
        os.replace(part, self._path)


async def measure(
    task: Task,
    batches: AsyncIterator[Batch],
    *,
    journal: ImpactJournal,
    processes: int,
    advance: Callable[[int], None],
) -> "Impact":
    """Count all batches.

    Args:
        task: What is compared.
        batches: The resources, those after the journal's mark.
        journal: Written after each batch.
        processes: How many validate at the same time.
        advance: Told how many more are done.
    """
    with ExitStack() as around:
        if processes == 1:
            submit = _here(task.comparison())
        else:
            context = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(processes, context, _begin, (task,))
            submit = _elsewhere(around.enter_context(pool))
        return await _counted(batches, submit, journal, 2 * processes, advance)


def _here(comparison: "Comparison") -> _Submit:
    def submit(resources: _Resources) -> "asyncio.Future[dict[str, Any]]":
        return asyncio.ensure_future(asyncio.to_thread(_compared, comparison, resources))

    return submit


def _elsewhere(pool: ProcessPoolExecutor) -> _Submit:
    def submit(resources: _Resources) -> "asyncio.Future[dict[str, Any]]":
        return asyncio.get_running_loop().run_in_executor(pool, _count, resources)

    return submit


async def _counted(
    batches: AsyncIterator[Batch],
    submit: _Submit,
    journal: ImpactJournal,
    ahead: int,
    advance: Callable[[int], None],
) -> "Impact":
    impact, _ = journal.read()
    waiting: deque[tuple[asyncio.Future[dict[str, Any]], Batch]] = deque()
    async for batch in batches:
        waiting.append((submit(batch.resources), batch))
        if len(waiting) > ahead:
            await _settle(waiting, impact, journal, advance)
    while waiting:
        await _settle(waiting, impact, journal, advance)
    return impact


async def _settle(
    waiting: "deque[tuple[asyncio.Future[dict[str, Any]], Batch]]",
    impact: "Impact",
    journal: ImpactJournal,
    advance: Callable[[int], None],
) -> None:
    from fhir_server.authoring import Impact

    future, batch = waiting.popleft()
    impact.merge(Impact.from_json(await future))
    journal.note(impact, batch.mark)
    advance(len(batch.resources))


_state: "list[Comparison]" = []
"""Of a worker process: what its initializer has loaded."""


def _begin(task: Task) -> None:
    _state[:] = [task.comparison()]


def _count(resources: _Resources) -> dict[str, Any]:
    return _compared(_state[0], resources)


def _compared(comparison: "Comparison", resources: _Resources) -> dict[str, Any]:
    from fhir_server.authoring import Impact

    impact = Impact()
    for name, body in resources:
        comparison.add_to(impact, name, decode_stored(body))
    return impact.as_json()
