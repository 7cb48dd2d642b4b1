"""A page link that one process made is opened by every other one on the same store.

Decision: docs/decisions/0052-sealed-page-tokens.md
"""

import asyncio
from pathlib import Path

import httpx
import pytest

from fhir_server.storage import ResourceStore
from tests.contract.conftest import StoreFactory
from tests.support.serving import Serving

pytestmark = pytest.mark.anyio


def next_link(bundle: httpx.Response) -> str:
    assert bundle.status_code == 200, bundle.text
    return next(link["url"] for link in bundle.json()["link"] if link["relation"] == "next")


def ids_of(bundle: httpx.Response) -> list[str]:
    assert bundle.status_code == 200, bundle.text
    return [entry["resource"]["id"] for entry in bundle.json()["entry"]]


async def test_a_link_is_good_in_another_process_and_after_a_restart(shared: str) -> None:
    await asyncio.to_thread(walk_pages, shared)


def walk_pages(shared: str) -> None:
    """Ask for each page another time: whichever worker answers, and one of a later start."""
    with Serving(shared, "--workers", "2") as server:
        base = server.base_url
        for number in range(3):
            resource = {"resourceType": "Basic", "id": f"b{number}", "code": {"text": "x"}}
            assert httpx.put(f"{base}/Basic/b{number}", json=resource).status_code == 201
        first = httpx.get(f"{base}/Basic?_count=1&_sort=_id")
        assert ids_of(first) == ["b0"]
        for _ in range(6):
            assert ids_of(httpx.get(next_link(first))) == ["b1"]
        server.kill()
        server.start()
        second = httpx.get(next_link(first))
        assert ids_of(second) == ["b1"]
        assert ids_of(httpx.get(next_link(second))) == ["b2"]


async def test_the_key_of_a_store_stays_the_same(store: ResourceStore) -> None:
    key = await store.shared_key()
    assert len(key) == 32
    assert await store.shared_key() == key


async def test_a_store_that_is_made_anew_has_another_key(
    open_store: StoreFactory, tmp_path: Path
) -> None:
    keys = set()
    for name in ("one", "other"):
        store = await open_store(tmp_path / name)
        keys.add(await store.shared_key())
        await store.close()
    assert len(keys) == 2
