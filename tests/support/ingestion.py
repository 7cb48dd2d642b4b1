"""Clients that send transactions without end over HTTP, and what must be true whatever is killed.

Every client sends one Bundle after the other and sends the same one again until it is acknowledged.
A Bundle makes `ITEMS` resources under ids of the client's, one by conditional create, and updates
the client's counter: the version of the counter is the number of Bundles. After each one the client
updates another counter alone, without a transaction.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

CLIENTS = 4
ITEMS = 5
MADE = ITEMS + 1
"""Resources that a Bundle makes, beside the counter."""
TAGS = "http://a/bundle"
PATIENCE_S = 90.0
_PAUSE_S = 0.02


class UnexpectedAnswer(Exception):
    """The server did what it never should."""


@dataclass(slots=True)
class Ingestion:
    """The clients of one server.

    Attributes:
        base_url: Of the FHIR API.
        acknowledged: Bundles of each client that were answered with 200.
        unanswered: Bundles that were refused, or whose answer never came, and were sent again.
        lost: What was acknowledged and is not there, or not whole.
        torn: What was not acknowledged and is there in part.
        wrong: Versions with gaps or doubles.
    """

    base_url: str
    acknowledged: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(CLIENTS), 0))
    unanswered: int = 0
    lost: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _verified: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(CLIENTS), 0))
    _progress: asyncio.Event = field(default_factory=asyncio.Event)
    _is_over: bool = False

    async def run(self, disturb: Callable[[], None], rounds: int, seed: int = 20240506) -> None:
        """Send; call ``disturb`` (which blocks) at random moments; look at all that is there.

        Raises:
            TimeoutError: No Bundle gets through any more.
            ExceptionGroup: Of `UnexpectedAnswer`: neither 200 nor a proper 503.
        """
        chance = random.Random(seed)  # noqa: S311 # moments, no secrets
        async with httpx.AsyncClient(base_url=self.base_url, timeout=60) as http:
            async with asyncio.TaskGroup() as group:
                for client in range(CLIENTS):
                    group.create_task(self._stream(http, client))
                for _ in range(rounds):
                    await asyncio.sleep(chance.uniform(0.2, 0.8))
                    await asyncio.to_thread(disturb)
                    before = dict(self.acknowledged)
                    async with asyncio.timeout(PATIENCE_S):
                        while any(self.acknowledged[c] <= before[c] for c in before):
                            self._progress.clear()
                            await self._progress.wait()
                    await self._verify(http)
                self._is_over = True
            await self._verify(http)
            for client in range(CLIENTS):
                for counter in (counter_id(client), alone_id(client)):
                    await self._verify_counter(http, counter, self.acknowledged[client])

    async def _stream(self, http: httpx.AsyncClient, client: int) -> None:
        while not self._is_over:
            number = self.acknowledged[client] + 1
            while not await self._is_acknowledged(http.post("", json=bundle(client, number))):
                self.unanswered += 1
                found = len(await self._tagged(http, client, number))
                if found not in {0, MADE + 1}:
                    self.torn.append(f"bundle {client}-{number}: {found} of {MADE + 1}")
            path, alone = f"Basic/{alone_id(client)}", resource(alone_id(client), f"{number}")
            while not await self._is_acknowledged(http.put(path, json=alone)):
                self.unanswered += 1
                await _answer(http, "Basic", {"_count": "1"})
            self.acknowledged[client] = number
            self._progress.set()
            await asyncio.sleep(_PAUSE_S)

    async def _is_acknowledged(self, sent: Awaitable[httpx.Response]) -> bool:
        try:
            answer = await sent
        except httpx.TransportError:
            return False
        if answer.status_code in {200, 201}:
            return True
        if answer.status_code != 503 or "Retry-After" not in answer.headers:
            raise UnexpectedAnswer(f"{answer.status_code} {answer.text}")
        return False

    async def _tagged(
        self, http: httpx.AsyncClient, client: int, number: int
    ) -> list[dict[str, Any]]:
        asked = {"_tag": f"{TAGS}|{client}-{number}", "_count": "50"}
        bundle = await _answer(http, "Basic", asked)
        return [entry["resource"] for entry in bundle.get("entry", ())]

    async def _verify(self, http: httpx.AsyncClient) -> None:
        """Look for every Bundle that was acknowledged since the last time."""
        for client, last in dict(self.acknowledged).items():
            for number in range(self._verified[client] + 1, last + 1):
                found = await self._tagged(http, client, number)
                made = [one for one in found if one["id"] != counter_id(client)]
                if len(made) != MADE:
                    self.lost.append(f"bundle {client}-{number}: {len(made)} of {MADE}")
                if any(one["meta"]["versionId"] != "1" for one in made):
                    self.wrong.append(f"bundle {client}-{number} was stored twice")
            self._verified[client] = last

    async def _verify_counter(self, http: httpx.AsyncClient, counter: str, count: int) -> None:
        path: str | None = f"Basic/{counter}/_history"
        asked: dict[str, str] | None = {"_count": "500"}
        versions: list[int] = []
        while path is not None:
            page = await _answer(http, path, asked)
            versions += [int(one["resource"]["meta"]["versionId"]) for one in page["entry"]]
            links = {link["relation"]: link["url"] for link in page["link"]}
            path, asked = links.get("next"), None
        if versions != list(range(count, 0, -1)):
            self.wrong.append(f"{counter}: {len(versions)} versions of {count}")


async def _answer(
    http: httpx.AsyncClient, path: str, asked: dict[str, str] | None
) -> dict[str, Any]:
    """Ask until the server answers."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                answer = await http.get(path, params=asked)
            except httpx.TransportError:
                await asyncio.sleep(_PAUSE_S)
                continue
            if answer.status_code == 200:
                content: dict[str, Any] = answer.json()
                return content
            await asyncio.sleep(_PAUSE_S)


def counter_id(client: int) -> str:
    """The resource that a client updates with each Bundle."""
    return f"counter-{client}"


def alone_id(client: int) -> str:
    """The resource that a client updates after each Bundle."""
    return f"alone-{client}"


def bundle(client: int, number: int) -> dict[str, Any]:
    """The transaction number ``number`` (from 1) of a client."""
    name = f"{client}-{number}"
    puts = {f"{name}-{item}": f"item {item}" for item in range(ITEMS)}
    puts[counter_id(client)] = f"bundle {number}"
    entries = [
        {
            "resource": resource(logical_id, text, name),
            "request": {"method": "PUT", "url": f"Basic/{logical_id}"},
        }
        for logical_id, text in puts.items()
    ]
    once = {
        "method": "POST",
        "url": "Basic",
        "ifNoneExist": f"identifier=http://a/item|{name}-once",
    }
    entries.append({"resource": resource(None, "once", name), "request": once})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def resource(logical_id: str | None, text: str, name: str = "") -> dict[str, Any]:
    """What is sent; with the tag of the Bundle ``name`` where it belongs to one."""
    content: dict[str, Any] = {"resourceType": "Basic", "code": {"text": text}}
    if logical_id is not None:
        content["id"] = logical_id
    if name:
        content["meta"] = {"tag": [{"system": TAGS, "code": name}]}
        content["identifier"] = [{"system": "http://a/item", "value": f"{name}-{text}"}]
    return content
