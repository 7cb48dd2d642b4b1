"""What a server must answer after a history of writes, worked out from its own answers to them.

A write that was acknowledged is an `Effect`; the model keeps the effects of each resource by
version and says what every kind of read has to give.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.support.client import BASE_URL, FhirClient

Key = tuple[str, str]


@dataclass(frozen=True)
class Effect:
    """One version: ``content`` without ``meta``, None for a deletion."""

    key: Key
    version: int
    method: str
    content: dict[str, Any] | None
    at: datetime


@dataclass
class WriteModel:
    """All versions that were acknowledged."""

    versions: dict[Key, list[Effect]] = field(default_factory=lambda: defaultdict(list))

    def take(self, effects: Iterable[Effect]) -> None:
        """Add what a round of writes did; every new version exactly once, without a gap.

        What changed nothing (an identical update, the deletion of what is deleted) tells a version
        that is there already.
        """
        for effect in sorted(effects, key=lambda one: (one.key, one.version)):
            known = self.versions[effect.key]
            if effect.version <= len(known):
                same = known[effect.version - 1]
                assert same.content == effect.content, f"a version was given twice: {effect}"
                continue
            assert effect.version == len(known) + 1, f"a version is missing before {effect}"
            known.append(effect)

    def current(self, key: Key) -> Effect | None:
        """Return the newest version."""
        known = self.versions.get(key)
        return known[-1] if known else None

    def live(self, kind: str) -> dict[str, Effect]:
        """Return what can be found of a type, by id."""
        return {
            key[1]: known[-1]
            for key, known in self.versions.items()
            if key[0] == kind and known and known[-1].content is not None
        }

    def all(self) -> list[Effect]:
        """Return every version of everything."""
        return [effect for known in self.versions.values() for effect in known]

    # -- comparing with the server

    async def compare(self, client: FhirClient) -> None:
        """Read everything back through every interaction."""
        for key, known in self.versions.items():
            await self._compare_instance(client, key, known)
        for kind in {key[0] for key in self.versions}:
            await self._compare_history(client, kind, kind=kind)
            await self._compare_search(client, kind)
        await self._compare_history(client, "")

    async def _compare_instance(self, client: FhirClient, key: Key, known: list[Effect]) -> None:
        path = "/".join(key)
        for effect in known:
            answer = await client.get(f"{path}/_history/{effect.version}")
            _same(answer, effect)
        current = known[-1]
        _same(await client.get(path), current)
        await self._compare_history(client, path, key=key)
        if current.content is not None:
            await _compare_conditional(client, path, current)

    async def _compare_history(
        self, client: FhirClient, path: str, *, kind: str = "", key: Key | None = None
    ) -> None:
        of = [e for e in self.all() if key in {None, e.key} and kind in {"", e.key[0]}]
        url = f"{path}/_history" if path else "_history"
        whole = await _history(client, f"{url}?_count=500")
        _same_history(whole, of)
        assert await _history(client, f"{url}?_count=3") == whole, "pages differ from the whole"
        for since in sorted({effect.at for effect in of})[:: max(len(of) // 3, 1)]:
            later = await _history(client, f"{url}?_count=500&_since={_instant(since)}")
            _same_history(later, [effect for effect in of if effect.at >= since])

    async def _compare_search(self, client: FhirClient, kind: str) -> None:
        live = self.live(kind)
        found: dict[str, Any] = {}
        url = f"{kind}?_count=4&_total=accurate"
        while url:
            page = (await client.get(url)).json()
            assert page["total"] == len(live)
            for entry in page.get("entry", ()):
                assert entry["resource"]["id"] not in found, "a page repeats a match"
                found[entry["resource"]["id"]] = _content(entry["resource"])
            url = _next(page)
        assert found == {logical_id: effect.content for logical_id, effect in live.items()}
        for key, known in self.versions.items():
            markers = {_marker(effect.content) for effect in known if key[0] == kind} - {""}
            for marker in markers:
                wanted = [key[1]] if _marker(known[-1].content) == marker else []
                page = (await client.get(f"{kind}?identifier=urn:n|{marker}")).json()
                assert [e["resource"]["id"] for e in page.get("entry", ())] == wanted


def _marker(content: Mapping[str, Any] | None) -> str:
    if content is None:
        return ""
    return next((i["value"] for i in content["identifier"] if i["system"] == "urn:n"), "")


def _same(answer: Any, effect: Effect) -> None:
    if effect.content is None:
        assert answer.status_code == 410, effect
        return
    assert answer.status_code == 200, effect
    assert answer.headers["ETag"] == f'W/"{effect.version}"'
    body = answer.json()
    assert _content(body) == effect.content
    assert body["meta"]["versionId"] == str(effect.version)
    assert datetime.fromisoformat(body["meta"]["lastUpdated"]) == effect.at


async def _compare_conditional(client: FhirClient, path: str, current: Effect) -> None:
    known = await client.get(path, if_none_match=f'W/"{current.version}"')
    assert known.status_code == 304
    other = await client.get(path, if_none_match=f'W/"{current.version + 1}"')
    assert other.status_code == 200
    form = "%a, %d %b %Y %H:%M:%S GMT"
    at = await client.get(path, if_modified_since=current.at.strftime(form))
    assert at.status_code == 304
    before = (current.at - timedelta(seconds=1)).strftime(form)
    assert (await client.get(path, if_modified_since=before)).status_code == 200


async def _history(client: FhirClient, url: str) -> list[dict[str, Any]]:
    """All entries of a history by its pages; the total is that of all."""
    entries: list[dict[str, Any]] = []
    totals = set()
    while url:
        answer = await client.get(url)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        totals.add(page["total"])
        entries += page.get("entry", [])
        url = _next(page)
    assert totals == {len(entries)}
    return entries


def _same_history(entries: list[dict[str, Any]], expected: list[Effect]) -> None:
    """Every version once, newest first, versions of one resource in their order."""
    told = [_told(entry) for entry in entries]
    assert sorted(told) == sorted(
        (effect.key, effect.version, effect.content is None, effect.method) for effect in expected
    )
    at = {(effect.key, effect.version): effect.at for effect in expected}
    times = [at[key, version] for key, version, *_ in told]
    assert times == sorted(times, reverse=True)
    last: dict[Key, int] = {}
    for key, version, *_ in told:
        assert version < last.get(key, version + 1), "versions of one resource are out of order"
        last[key] = version
    by_version = {(effect.key, effect.version): effect.content for effect in expected}
    for entry, (key, version, *_) in zip(entries, told, strict=True):
        content = None if "resource" not in entry else _content(entry["resource"])
        assert content == by_version[key, version]


def _told(entry: dict[str, Any]) -> tuple[Key, int, bool, str]:
    kind, logical_id = entry["fullUrl"].removeprefix(f"{BASE_URL}/").split("/")
    version = int(entry["response"]["etag"].removeprefix('W/"').removesuffix('"'))
    return (kind, logical_id), version, "resource" not in entry, entry["request"]["method"]


def _content(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key != "meta"}


def _next(page: dict[str, Any]) -> str:
    return next((one["url"] for one in page.get("link", ()) if one["relation"] == "next"), "")


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
