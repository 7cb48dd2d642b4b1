"""Jobs in MongoDB: ``jobs`` and, as a result may be longer than a document, ``job_results``."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bson.binary import Binary

from fhir_server.storage.job import Job, JobEnd
from fhir_server.storage.mongodb.bodies import PIECE_BYTES
from fhir_server.storage.mongodb.faults import reading, writing
from fhir_server.storage.mongodb.handle import Handle

_RUNNING = {"state": "running"}


class MongoJobs:
    """A `JobStore`."""

    def __init__(self, handle: Handle) -> None:
        self._jobs = handle.database["jobs"]
        self._results = handle.database["job_results"]
        self._timeout_ms = handle.timeout_ms

    async def add(self, job: Job) -> None:
        """See `JobStore.add`."""
        fields = asdict(job)
        with writing():
            await self._jobs.insert_one({"_id": fields.pop("job_id"), **fields})

    async def read(self, job_id: str) -> Job | None:
        """See `JobStore.read`."""
        with reading(self._timeout_ms):
            found = await self._jobs.find_one({"_id": job_id}, {"pieces": 0})
        return None if found is None else _job(found)

    async def result(self, job_id: str) -> bytes | None:
        """See `JobStore.result`."""
        with reading(self._timeout_ms):
            job = await self._jobs.find_one({"_id": job_id}, {"pieces": 1})
            if job is None or "pieces" not in job:
                return None
            name, count = job["pieces"]
            pieces = [
                found["j"]
                for number in range(count)
                if (found := await self._results.find_one({"_id": f"{name}/{number}"}))
            ]
        return b"".join(pieces)

    async def touch(self, progress: Mapping[str, str], at: datetime) -> Collection[str]:
        """See `JobStore.touch`."""
        wanted = set()
        with writing():
            for job_id, text in progress.items():
                done = await self._jobs.update_one(
                    {"_id": job_id, **_RUNNING}, {"$set": {"touched": at, "progress": text}}
                )
                if done.matched_count:
                    wanted.add(job_id)
        return wanted

    async def finish(self, job_id: str, end: JobEnd) -> bool:
        """See `JobStore.finish`; pieces come first, so that a job that ended has its result."""
        name = f"{job_id}/{secrets.token_hex(8)}"
        starts = range(0, len(end.result), PIECE_BYTES)
        changes: dict[str, Any] = {
            "state": end.state,
            "status": end.status,
            "expires": end.expires,
            "progress": "",
            "pieces": [name, len(starts)],
        }
        with writing():
            for number, start in enumerate(starts):
                piece = Binary(end.result[start : start + PIECE_BYTES])
                await self._results.insert_one({"_id": f"{name}/{number}", "j": piece})
            done = await self._jobs.update_one({"_id": job_id, **_RUNNING}, {"$set": changes})
            if not done.matched_count:
                await self._drop_pieces(name)
        return done.matched_count > 0

    async def remove(self, job_id: str) -> bool:
        """See `JobStore.remove`."""
        with writing():
            done = await self._jobs.delete_one({"_id": job_id})
            await self._drop_pieces(job_id)
        return done.deleted_count > 0

    async def expired(self, now: datetime, untouched_since: datetime) -> Collection[str]:
        """See `JobStore.expired`."""
        silent = {**_RUNNING, "touched": {"$lte": untouched_since}}
        asked = {"$or": [{"expires": {"$lte": now, "$ne": None}}, silent]}
        with reading(self._timeout_ms):
            cursor = self._jobs.find(asked, {"_id": 1})
            return tuple(found["_id"] for found in await cursor.to_list())

    async def _drop_pieces(self, name: str) -> None:
        pieces = {"$gte": f"{name}/", "$lt": f"{name}0"}  # 0 is what follows / in ASCII
        await self._results.delete_many({"_id": pieces})


def _job(found: dict[str, Any]) -> Job:
    """Make the job of a document; the driver's times have a time zone of their own kind."""
    values: dict[str, Any] = {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in found.items()
    }
    return Job(job_id=values.pop("_id"), **values)
