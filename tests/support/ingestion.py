"""Clients that send transactions without end over HTTP, and what must be true whatever is killed.

Every client sends one Bundle after the other and sends the same one again until it is acknowledged.
A Bundle makes `ITEMS` resources under ids of the client's, one by conditional create, and updates
the client's counter: the version of the counter is the number of Bundles.
"""

import asyncio
import random
from collections.abc import Callable
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
                await self._verify_counter(http, client)

    async def _stream(self, http: httpx.AsyncClient, client: int) -> None:
        while not self._is_over:
            number = self.acknowledged[client] + 1
            while not await self._is_acknowledged(http, client, number):
                self.unanswered += 1
                found = await self._found(http, client, number)
                if found not in {0, MADE + 1}:
                    self.torn.append(f"bundle {client}-{number}: {found} of {MADE + 1}")
            self.acknowledged[client] = number
            self._progress.set()
            await asyncio.sleep(_PAUSE_S)

    async def _is_acknowledged(self, http: httpx.AsyncClient, client: int, number: int) -> bool:
        try:
            answer = await http.post("", json=bundle(client, number))
        except httpx.TransportError:
            return False
        if answer.status_code == 200:
            return True
        if answer.status_code != 503 or "Retry-After" not in answer.headers:
            raise UnexpectedAnswer(f"{answer.status_code} {answer.text}")
        return False

    async def _found(self, http: httpx.AsyncClient, client: int, number: int) -> int:
        """How many resources have the tag of a Bundle, as soon as anybody answers."""
        return len(await self._tagged(http, client, number))

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

    async def _verify_counter(self, http: httpx.AsyncClient, client: int) -> None:
        path: str | None = f"Basic/{counter_id(client)}/_history"
        asked: dict[str, str] | None = {"_count": "500"}
        versions: list[int] = []
        while path is not None:
            page = await _answer(http, path, asked)
            versions += [int(one["resource"]["meta"]["versionId"]) for one in page["entry"]]
            links = {link["relation"]: link["url"] for link in page["link"]}
            path, asked = links.get("next"), None
        count = self.acknowledged[client]
        if versions != list(range(count, 0, -1)):
            self.wrong.append(f"{counter_id(client)}: {len(versions)} versions, {count} bundles")


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


def bundle(client: int, number: int) -> dict[str, Any]:
    """The transaction number ``number`` (from 1) of a client."""
    name = f"{client}-{number}"

    def resource(logical_id: str | None, text: str) -> dict[str, Any]:
        content: dict[str, Any] = {
            "resourceType": "Basic",
            "meta": {"tag": [{"system": TAGS, "code": name}]},
            "identifier": [{"system": "http://a/item", "value": f"{name}-{text}"}],
            "code": {"text": text},
        }
        return content if logical_id is None else {**content, "id": logical_id}

    puts = {f"{name}-{item}": f"item {item}" for item in range(ITEMS)}
    puts[counter_id(client)] = f"bundle {number}"
    entries = [
        {
            "resource": resource(logical_id, text),
            "request": {"method": "PUT", "url": f"Basic/{logical_id}"},
        }
        for logical_id, text in puts.items()
    ]
    once = {
        "method": "POST",
        "url": "Basic",
        "ifNoneExist": f"identifier=http://a/item|{name}-once",
    }
    entries.append({"resource": resource(None, "once"), "request": once})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
