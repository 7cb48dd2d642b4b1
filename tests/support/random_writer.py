"""Random writes over HTTP, each with a marker of its own, and what the answers say they did."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import Any

import httpx

from tests.support.client import FhirClient
from tests.support.write_model import Effect, Key, WriteModel

JSON_PATCH = "application/json-patch+json"
KINDS = ("Patient", "Organization")
IDS = ("a", "b", "c")
DONE = {200, 201, 204}
REFUSED = {404, 409, 410, 412}
"""What a write may be answered that lost a race or met nothing."""

Write = Callable[[], Awaitable[list[Effect]]]


class RandomWriter:
    """Makes writes; each is run once and returns its effects.

    Args:
        client: The server.
        model: What is there, as far as earlier rounds tell.
        random: Chance.
    """

    def __init__(self, client: FhirClient, model: WriteModel, random: Random) -> None:
        self._client = client
        self._model = model
        self._random = random
        self._made = 0

    @property
    def _now(self) -> datetime:
        return self._client.clock.now

    def write(self) -> Write:
        """Return one write of any kind."""
        makers = (
            self._create, self._update, self._update, self._update_known, self._update_by_criteria,
            self._patch, self._delete, self._delete_by_criteria, self._transaction,
            self._transaction, self._same_again,
        )  # fmt: skip
        return self._random.choice(makers)()

    def _key(self) -> Key:
        return self._random.choice(KINDS), self._random.choice(IDS)

    def _body(self, key: Key | None, kind: str = "") -> dict[str, Any]:
        """A resource that is found by its id as identifier ``urn:k`` and its marker ``urn:n``."""
        self._made += 1
        identifiers = [{"system": "urn:n", "value": str(self._made)}]
        if key is None:
            return {"resourceType": kind, "identifier": identifiers}
        kind, logical_id = key
        identifiers.insert(0, {"system": "urn:k", "value": logical_id})
        return {"resourceType": kind, "id": logical_id, "identifier": identifiers}

    # -- one write each

    def _create(self) -> Write:
        kind = self._random.choice(KINDS)
        body = self._body(None, kind)
        return lambda: self._sent("POST", kind, body)

    def _update(self) -> Write:
        key = self._key()
        body = self._body(key)
        return lambda: self._sent("PUT", "/".join(key), body)

    def _update_known(self) -> Write:
        """By the version that was current when the round began."""
        key = self._key()
        current = self._model.current(key)
        body, version = self._body(key), 1 if current is None else current.version
        return lambda: self._sent("PUT", "/".join(key), body, if_match=f'W/"{version}"')

    def _update_by_criteria(self) -> Write:
        kind, logical_id = self._key()
        body = self._body((kind, logical_id))
        return lambda: self._sent("PUT", f"{kind}?identifier=urn:k|{logical_id}", body)

    def _same_again(self) -> Write:
        """An identical update of what was there when the round began."""
        current = self._model.current(self._key())
        if current is None or current.content is None:
            return self._create()
        key, content = current.key, current.content
        return lambda: self._sent("PUT", "/".join(key), content)

    def _patch(self) -> Write:
        key = self._key()
        self._made += 1
        marker = str(self._made)
        operations = [{"op": "replace", "path": "/identifier/1/value", "value": marker}]
        return lambda: self._sent("PATCH", "/".join(key), operations, content_type=JSON_PATCH)

    def _delete(self) -> Write:
        key = self._key()
        return lambda: self._deleted("/".join(key), key)

    def _delete_by_criteria(self) -> Write:
        kind, logical_id = self._key()
        url = f"{kind}?identifier=urn:k|{logical_id}"
        return lambda: self._deleted(url, (kind, logical_id))

    def _transaction(self) -> Write:
        """Two updates, a creation and a deletion, all of different resources."""
        keys = self._random.sample([(kind, one) for kind in KINDS for one in IDS], 3)
        bodies = [self._body(key) for key in keys[:2]] + [self._body(None, "Patient")]
        entries = [
            {"resource": body, "request": {"method": "PUT", "url": "/".join(key)}}
            for key, body in zip(keys, bodies, strict=False)
        ][:2]
        entries.append({"resource": bodies[2], "request": {"method": "POST", "url": "Patient"}})
        entries.append({"request": {"method": "DELETE", "url": "/".join(keys[2])}})
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        return lambda: self._together(bundle, [*bodies, None], keys[2])

    # -- what an answer says

    async def _sent(self, method: str, path: str, body: Any, **headers: str) -> list[Effect]:
        now = self._now
        answer = await self._client.send(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        if answer.status_code in REFUSED:
            return []
        assert answer.status_code in DONE, answer.text
        content = {name: value for name, value in answer.json().items() if name != "meta"}
        if method != "PATCH":
            assert content == {**body, "id": content["id"]}
        key = (content["resourceType"], content["id"])
        return [Effect(key, version_of(answer.headers["ETag"]), method, content, now)]

    async def _deleted(self, path: str, key: Key) -> list[Effect]:
        now = self._now
        answer = await self._client.delete(path)
        if answer.status_code in REFUSED or "ETag" not in answer.headers:
            assert answer.status_code in REFUSED | {204}, answer.text
            return []
        return [Effect(key, version_of(answer.headers["ETag"]), "DELETE", None, now)]

    async def _together(
        self, bundle: dict[str, Any], bodies: list[dict[str, Any] | None], deleted: Key
    ) -> list[Effect]:
        now = self._now
        answer: httpx.Response = await self._client.post("", bundle)
        if answer.status_code in REFUSED:
            return []
        assert answer.status_code == 200, answer.text
        effects = []
        for entry, body in zip(answer.json()["entry"], bodies, strict=True):
            response = entry["response"]
            if "etag" not in response:
                assert body is None
                continue
            version = version_of(response["etag"])
            if body is None:
                effects.append(Effect(deleted, version, "DELETE", None, now))
                continue
            kind, logical_id = response["location"].split("/")[-4:-2]
            method, content = "PUT" if "id" in body else "POST", {**body, "id": logical_id}
            effects.append(Effect((kind, logical_id), version, method, content, now))
        return effects


def version_of(tag: str) -> int:
    """Return the number in ``W/"3"``."""
    return int(tag.removeprefix('W/"').removesuffix('"'))
