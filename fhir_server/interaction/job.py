"""Jobs of this process: a bounded number at a time, watched through the store by every worker.

Spec: https://hl7.org/fhir/R4/async.html

What is finished survives a restart. What was under way when its process ended is told as
interrupted: by the process itself where it stops in order, else by whoever asks once its owner has
been silent for `JobOptions.lost_after_s`.
"""

import asyncio
import re
import secrets
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import structlog

from fhir_server.model import (
    FhirError,
    Issue,
    Language,
    NotFound,
    Unavailable,
    encode,
    issue,
    operation_outcome,
)
from fhir_server.storage import Job, JobEnd, JobStore

_log = structlog.get_logger("fhir_server.job")
_RETRY_AFTER_S = "5"
_JOB_ID = re.compile("[0-9a-f]{32}")
_FORGOTTEN_AFTER = timedelta(days=1)
"""An unfinished job whose owner is gone is kept for so long, so that it can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """Limits of jobs.

    Attributes:
        folder: Holds one folder for each job that makes files; all workers must see it.
        max_running: At the same time in this process; others wait.
        max_waiting: More are refused.
        max_held_bytes: Bodies of unfinished jobs together; more are refused.
        keep_s: How long results are kept.
        beat_s: How often the process says that it is alive and looks for jobs to forget.
        lost_after_s: A job whose process was silent for so long is interrupted.
    """

    folder: Path = Path("data/jobs")
    max_running: int = 2
    max_waiting: int = 20
    max_held_bytes: int = 60_000_000
    keep_s: float = 86_400
    beat_s: float = 5
    lost_after_s: float = 60


class JobRun:
    """What the work of a job is handed.

    Attributes:
        job_id: Of the job.
        url: What was asked for.
        folder: For files; made by `make_folder`.
        progress: In a few words; the work sets it.
    """

    def __init__(self, job_id: str, url: str, folder: Path) -> None:
        self.job_id = job_id
        self.url = url
        self.folder = folder
        self.progress = ""

    async def make_folder(self) -> Path:
        """Make the folder, for this user alone."""
        await asyncio.to_thread(self.folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        return self.folder


Work = Callable[[JobRun], Awaitable[bytes]]
"""Does a job and returns its result, JSON."""


@dataclass(slots=True, kw_only=True)
class _Running:
    run: JobRun
    size: int
    task: asyncio.Task[None] | None = field(default=None)


class Jobs:
    """Runs jobs and answers for those of every process.

    Args:
        store: Where they are kept.
        options: See there.
        clock: Of their times.
    """

    def __init__(self, store: JobStore, options: JobOptions, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._options = options
        self._clock = clock
        self._owner = secrets.token_hex(8)
        self._places = asyncio.Semaphore(options.max_running)
        self._running: dict[str, _Running] = {}
        self._beat: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to look after jobs."""
        self._beat = asyncio.create_task(self._watch())

    async def start(
        self, kind: str, request: str, work: Work, *, size: int = 0, language: Language = "uk"
    ) -> str:
        """Take a job on and return its id.

        Raises:
            Unavailable: There are too many already.
        """
        limit = self._options.max_running + self._options.max_waiting
        held = size + sum(one.size for one in self._running.values())
        if len(self._running) >= limit or held > self._options.max_held_bytes:
            busy = issue("job-too-many", code="throttled", expected=limit)
            raise Unavailable((busy,), headers={"Retry-After": _RETRY_AFTER_S})
        job_id = secrets.token_hex(16)
        now = self._clock()
        job = Job(
            job_id=job_id,
            kind=kind,
            state="running",
            owner=self._owner,
            request=request,
            language=language,
            created=now,
            touched=now,
        )
        run = JobRun(job_id, request.partition(" ")[2], self._options.folder / job_id)
        running = self._running[job_id] = _Running(run=run, size=size)
        try:
            await self._store.add(job)
        except BaseException:
            del self._running[job_id]
            raise
        running.task = asyncio.create_task(self._do(job, run, work))
        return job_id

    def is_running(self, job_id: str) -> bool:
        """Say whether this process has a job under way, or waiting for its turn."""
        return job_id in self._running

    async def find(self, job_id: str) -> Job:
        """Return a job as it is now; one whose process is gone is interrupted.

        Raises:
            NotFound: There is none, or none any more.
        """
        job = await self._store.read(job_id) if _JOB_ID.fullmatch(job_id) else None
        if job is None:
            raise NotFound.of("job-unknown", found=job_id[:64])
        now = self._clock()
        if job.expires is not None and job.expires <= now:
            await self.remove(job_id)
            raise NotFound.of("job-unknown", found=job_id)
        mine = self._running.get(job_id)
        if job.state != "running":
            return job
        if mine is not None:
            return replace(job, progress=mine.run.progress)
        if now - job.touched < timedelta(seconds=self._options.lost_after_s):
            return job
        await self._store.finish(job_id, self._interrupted(job.language))
        return await self.find(job_id)

    async def result(self, job_id: str) -> bytes:
        """Return what came of a job that ended.

        Raises:
            NotFound: It is gone.
        """
        found = await self._store.result(job_id)
        if found is None:
            raise NotFound.of("job-unknown", found=job_id)
        return found

    async def remove(self, job_id: str) -> None:
        """Stop a job where it is under way, and forget it, its result and its files.

        Raises:
            NotFound: There is none.
        """
        was_there = await self._store.remove(job_id) if _JOB_ID.fullmatch(job_id) else False
        await self._stop(job_id)
        if not was_there:
            raise NotFound.of("job-unknown", found=job_id[:64])
        await self._drop_folder(job_id)

    def file(self, job_id: str, name: str) -> Path:
        """Return where a file of a job lies, whether it is there or not."""
        return self._options.folder / job_id / name

    async def close(self) -> None:
        """Stop all work; what is not finished is interrupted."""
        if self._beat is not None:
            await _cancelled(self._beat)
        for job_id in tuple(self._running):
            await self._stop(job_id)

    async def _do(self, job: Job, run: JobRun, work: Work) -> None:
        """Work in turn, and keep how it ended; the one place where a job may fail as it likes."""
        try:
            async with self._places:
                result = await work(run)
            end = self._end("done", HTTPStatus.OK, result)
        except asyncio.CancelledError:
            end = self._interrupted(job.language)
        except FhirError as refusal:
            end = self._failed(refusal.status, refusal.issues, job.language)
        except Exception as error:  # noqa: BLE001 # a job loop
            _log.exception("unexpected", request_id=job.job_id, kind=type(error).__name__)
            unexpected = issue("unexpected-error", request_id=job.job_id)
            end = self._failed(HTTPStatus.INTERNAL_SERVER_ERROR, (unexpected,), job.language)
        try:
            if not await self._store.finish(job.job_id, end):
                await self._drop_folder(job.job_id)
        except Unavailable:
            _log.error("end of a job not kept", job_id=job.job_id, state=end.state)
        finally:
            self._running.pop(job.job_id, None)

    def _end(self, state: str, status: int, result: bytes) -> JobEnd:
        return JobEnd(
            state=state,  # type: ignore[arg-type] # one of the states
            status=status,
            result=result,
            expires=self._clock() + timedelta(seconds=self._options.keep_s),
        )

    def _failed(self, status: int, issues: tuple[Issue, ...], language: str) -> JobEnd:
        outcome = operation_outcome(issues, "uk" if language == "uk" else "en")
        return self._end("failed", status, encode(outcome))

    def _interrupted(self, language: str) -> JobEnd:
        end = self._failed(HTTPStatus.INTERNAL_SERVER_ERROR, (issue("job-interrupted"),), language)
        return replace(end, state="interrupted")

    async def _stop(self, job_id: str) -> None:
        running = self._running.get(job_id)
        if running is not None and running.task is not None:
            await _cancelled(running.task)

    async def _watch(self) -> None:
        """Say that jobs are alive, stop those that others removed, forget what is past its time."""
        while True:
            await asyncio.sleep(self._options.beat_s)
            try:
                await self._look()
            except Unavailable:
                continue  # the next beat tries again

    async def _look(self) -> None:
        now = self._clock()
        mine = {job_id: one.run.progress for job_id, one in self._running.items() if one.task}
        if mine:
            wanted = await self._store.touch(mine, now)
            for job_id in mine.keys() - set(wanted):
                await self._stop(job_id)
        for job_id in await self._store.expired(now, now - _FORGOTTEN_AFTER):
            await self._store.remove(job_id)
            await self._drop_folder(job_id)

    async def _drop_folder(self, job_id: str) -> None:
        folder = self._options.folder / job_id
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait for its end; again where a database driver swallowed it."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)
