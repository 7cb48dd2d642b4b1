"""Answers that come later: ``Prefer: respond-async``, the status URL, its result, its files.

Spec: https://hl7.org/fhir/R4/async.html

R4 knows one answer, the manifest of bulk data. Other interactions are answered as R5 has it, with a
batch-response of one entry: docs/decisions/0076-asynchronous-answers.md.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path

from fhir_server.interaction.bundle import bundle, link, response_entry
from fhir_server.interaction.job import JobRun, Work
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.services import Services
from fhir_server.interaction.target import JOB_PATH, Target
from fhir_server.model import FhirError, JsonObject, NotFound, encode, issue, operation_outcome
from fhir_server.storage import Job

_INTERACTION = "interaction"
_FILE = re.compile(r"[A-Za-z]+\.[a-z]+\.[0-9]+\.ndjson")
_NDJSON = "application/fhir+ndjson"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1, 30


async def answer_later(
    services: Services, answer: Callable[[Request], Awaitable[Response]], request: Request
) -> Response:
    """Take any interaction on as a job.

    Args:
        services: For the jobs.
        answer: Does the interaction.
        request: What it is called with.

    Raises:
        Unavailable: There are too many jobs already.
    """
    at_once = replace(request, preferences=replace(request.preferences, is_async=False))

    async def work(_: JobRun) -> bytes:
        try:
            entry = _entry(await answer(at_once), at_once)
        except FhirError as refusal:
            outcome = operation_outcome(refusal.issues, request.language)
            entry = response_entry(status=refusal.status, outcome=outcome)
        return encode(bundle("batch-response", [entry]))

    return await accepted(services, request, _INTERACTION, work)


async def accepted(services: Services, request: Request, kind: str, work: Work) -> Response:
    """Start a job and tell where to ask for it.

    Raises:
        Unavailable: There are too many jobs already.
    """
    asked = f"{request.method} {link(request.base_url, request.path, request.parameters)}"
    size = len(request.body or b"")
    job_id = await services.jobs.start(kind, asked, work, size=size, language=request.language)
    return job_started(request, job_id)


def job_started(request: Request, job_id: str) -> Response:
    """Tell where to ask for a job."""
    return Response(
        status=202,
        body=operation_outcome((issue("job-accepted"),), request.language),
        headers={
            "Content-Location": f"{request.base_url}/{JOB_PATH}/{job_id}",
            "Preference-Applied": "respond-async",
            "Retry-After": str(_FIRST_WAIT_S),
        },
    )


def _entry(response: Response, request: Request) -> JsonObject:
    """Return an answer as an entry, with the body that the client prefers."""
    is_write = request.method != "GET" and response.logical_id is not None
    wish = request.preferences.returns if is_write else None
    outcome = response.outcome
    if wish == "OperationOutcome" and outcome is None:
        outcome = operation_outcome((issue("done"),), request.language)
    return response_entry(
        status=response.status,
        version_id=response.version_id,
        last_modified=response.last_modified,
        location=response.location,
        resource=response.body if wish in {None, "representation"} else None,
        outcome=outcome,
    )


async def job_status(services: Services, target: Target, request: Request) -> Response:
    """Tell how far a job is (202), what came of it (200), or why nothing did.

    Raises:
        NotFound: There is no such job, or none any more.
    """
    job = await services.jobs.find(target.logical_id)
    if job.state == "running":
        return _waiting(job, (services.clock() - job.created).total_seconds())
    body = await services.jobs.result(job.job_id)
    headers = {} if job.expires is None else {"Expires": format_datetime(job.expires, usegmt=True)}
    if job.state == "done" and job.kind != _INTERACTION:
        return Response(status=200, body=body, media_type="application/json", headers=headers)
    return Response(status=job.status, body=body, headers=headers)


def _waiting(job: Job, age_s: float) -> Response:
    wait = min(max(_FIRST_WAIT_S, int(age_s / 10)), _LONGEST_WAIT_S)
    return Response(
        status=202,
        headers={"X-Progress": job.progress or "in progress", "Retry-After": str(wait)},
    )


async def job_cancel(services: Services, target: Target, request: Request) -> Response:
    """Stop a job or forget its result; its URL is gone at once.

    What an interaction has committed by then stays committed.

    Raises:
        NotFound: There is no such job.
    """
    await services.jobs.find(target.logical_id)
    await services.jobs.remove(target.logical_id)
    outcome = operation_outcome((issue("job-cancelled"),), request.language)
    return Response(status=202, body=outcome)


async def job_file(services: Services, target: Target, _request: Request) -> Response:
    """Return a file of a finished job.

    Raises:
        NotFound: There is no such job or file.
    """
    job = await services.jobs.find(target.logical_id)
    path: Path | None = None
    if job.state == "done" and _FILE.fullmatch(target.version_id):
        path = services.jobs.file(job.job_id, target.version_id)
    if path is None or not path.is_file():  # one stat of a local file
        raise NotFound.of("job-file-unknown", found=target.version_id[:80])
    return Response(status=200, file=path, media_type=_NDJSON)
