"""Waiting for jobs: asks the status URL until there is an answer."""

import asyncio

import httpx

from tests.support.client import BASE_URL, FhirClient


async def finished(client: FhirClient, accepted: httpx.Response, **headers: str) -> httpx.Response:
    """The answer of the job that a request was accepted as."""
    assert accepted.status_code == 202, accepted.text
    url = accepted.headers["Content-Location"]
    assert url.startswith(f"{BASE_URL}/_job/")
    for _ in range(500):
        answer = await client.send("GET", url, headers=headers)
        if answer.status_code != 202:
            return answer
        assert answer.headers["X-Progress"]
        assert int(answer.headers["Retry-After"]) >= 1
        await asyncio.sleep(0.01)
    raise AssertionError("not finished")
