"""A definition stored through one server takes effect in another one on the same store.

Decision: docs/decisions/0093-changes-drive-the-knowledge.md
"""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.support.client import SETTINGS, FhirClient, running

pytestmark = pytest.mark.anyio

PATIENCE_S = 10
EXPANSION = "ValueSet/$expand?url=http://a/vs"


def value_set(code: str) -> dict[str, Any]:
    listed = {"system": "http://a/cs", "concept": [{"code": code}]}
    return {
        "resourceType": "ValueSet",
        "id": "vs",
        "url": "http://a/vs",
        "status": "active",
        "compose": {"include": [listed]},
    }


async def until(client: FhirClient, status: int, text: str = "") -> None:
    """Wait until the expansion is answered with that status and text."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await client.get(EXPANSION)
            if answer.status_code == status and text in answer.text:
                return
            await asyncio.sleep(0.05)


async def test_a_value_set_comes_changes_and_goes_everywhere(shared: str) -> None:
    settings = replace(SETTINGS, store=shared)
    async with running(settings) as one, running(settings) as other:
        assert (await other.get(EXPANSION)).status_code == 404
        assert (await one.put("ValueSet/vs", value_set("first"))).status_code == 201
        await until(other, 200, "first")
        assert (await other.put("ValueSet/vs", value_set("second"))).status_code == 200
        await until(one, 200, "second")
        assert (await one.delete("ValueSet/vs")).status_code in {200, 204}
        await until(other, 404)
