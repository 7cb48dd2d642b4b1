"""Jobs: requests that are answered later, kept where every worker can see them.

Spec: https://hl7.org/fhir/R4/async.html
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

JobState = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request that is answered later.

    Attributes:
        job_id: Random, so that only who started it knows it.
        kind: What its result is, for whoever tells it.
        state: ``running`` also while it waits for its turn.
        owner: The process that works on it.
        request: What was asked: method and URL.
        language: Of messages about it.
        created: When it was asked.
        touched: When its owner last said that it is alive.
        expires: When it is forgotten; None: it is not finished.
        progress: What has been done, in a few words.
        status: HTTP status of a failure; 200 where there is none.
    """

    job_id: str
    kind: str
    state: JobState
    owner: str
    request: str
    language: str
    created: datetime
    touched: datetime
    expires: datetime | None = None
    progress: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How a job ended.

    Attributes:
        state: ``done``, ``failed`` or ``interrupted``.
        status: HTTP status of a failure.
        result: JSON; for a failure the OperationOutcome.
        expires: When it is forgotten.
    """

    state: JobState
    status: int
    result: bytes
    expires: datetime


class JobStore(Protocol):
    """Keeps jobs; every process on the same database sees the same ones.

    All methods raise ``Unavailable`` on faults of the database.
    """

    async def add(self, job: Job) -> None:
        """Keep a new job."""

    async def read(self, job_id: str) -> Job | None:
        """Return a job; None: there is none, or none any more."""

    async def result(self, job_id: str) -> bytes | None:
        """Return what came of a job that ended."""

    async def touch(self, progress: Mapping[str, str], at: datetime) -> Collection[str]:
        """Say that jobs are alive and how far they are.

        Returns:
            Those that are still wanted; the others were removed.
        """

    async def finish(self, job_id: str, end: JobEnd) -> bool:
        """Keep how a running job ended; False: it was removed, or had ended already."""

    async def remove(self, job_id: str) -> bool:
        """Forget a job and its result; False: there was none."""

    async def expired(self, now: datetime, untouched_since: datetime) -> Collection[str]:
        """Return jobs to be forgotten: past their time, or unfinished and silent for so long."""
