"""Validation of content whose references lead to stored resources.

The validator notes what it lacks; that is read in one go, and what asked for it is judged again.
What is stored may change between that and the commit: nothing is promised about it.

Spec: https://hl7.org/fhir/R4/references.html#literal
Decision: docs/decisions/0035-targets-in-the-store.md
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from fhir_server.model import (
    Issue,
    JsonObject,
    LogicalId,
    ResourceType,
    VersionId,
    decode_stored,
    issue,
)
from fhir_server.storage import ResourceStore, StoredVersion
from fhir_server.validation import Absent, Known, KnownTargets

Judge = Callable[[KnownTargets], tuple[Issue, ...]]
"""Validates one resource with the targets that are known."""

MOST_TARGETS = 200
"""Targets read for one resource."""

MOST_OF_ALL = 2000
"""Targets read for one request; each may be as large as a body."""

_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_MOST_ROUNDS = 4
_MANY = 50


async def judged(
    store: ResourceStore,
    judges: Sequence[Judge],
    *,
    base_url: str,
    targets: Mapping[str, Known],
    is_large: bool,
    most_targets: int = MOST_TARGETS,
) -> list[tuple[Issue, ...]]:
    """Let each judge tell its findings, with the stored targets that it asks for.

    Args:
        store: Only read.
        judges: Called again where a target they lacked has been read.
        base_url: Of this server.
        targets: What comes before the store, by ``Type/id``.
        is_large: Whether to judge on a worker thread.
        most_targets: For one judge.

    Returns:
        The findings of each judge, with a warning where targets were not read.
    """
    judging = _Judging(store, judges, base_url, targets, most_targets)
    waiting = list(range(len(judges)))
    for _ in range(_MOST_ROUNDS):
        again: list[int] = []
        for chunk in _growing(waiting):
            if is_large:
                await asyncio.to_thread(judging.judge, chunk)
            else:
                judging.judge(chunk)
            again += await judging.read(chunk)
        waiting = again
        if not waiting:
            break
    return judging.told()


def _growing(waiting: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut into 1, 2, 4 …: later entries mostly refer to what earlier ones have, once it is read."""
    start, size = 0, 1
    while start < len(waiting):
        yield waiting[start : start + size]
        start, size = start + size, size * 2


class _Judging:
    """The judges of one request, and the targets known so far."""

    def __init__(
        self,
        store: ResourceStore,
        judges: Sequence[Judge],
        base_url: str,
        targets: Mapping[str, Known],
        most_targets: int,
    ) -> None:
        self._store = store
        self._judges = judges
        self._base_url = base_url
        self._known = dict(targets)
        self._most_known = len(targets) + MOST_OF_ALL
        self._left = [most_targets] * len(judges)
        self._found: list[tuple[Issue, ...]] = [()] * len(judges)
        self._lookups: dict[int, KnownTargets] = {}

    def judge(self, chunk: Sequence[int]) -> None:
        """Let some judges tell their findings by what is known."""
        for at in chunk:
            lookup = KnownTargets(self._known, base_url=self._base_url, limit=self._left[at])
            self._lookups[at] = lookup
            self._found[at] = self._judges[at](lookup)

    async def read(self, chunk: Sequence[int]) -> list[int]:
        """Read what some judges lacked; return those who have more to judge by now."""
        lacking = {at: self._lookups[at].lacking for at in chunk if self._lookups[at].lacking}
        if not lacking:
            return []
        names = dict.fromkeys(name for each in lacking.values() for name in each)
        wanted = [*names][: self._most_known - len(self._known)]
        self._known |= await _read(self._store, wanted)
        for at, each in lacking.items():
            self._left[at] -= len(each)
        return [
            at
            for at, each in lacking.items()
            if any(self._known.get(name, Absent.UNKNOWN) is not Absent.UNKNOWN for name in each)
        ]

    def told(self) -> list[tuple[Issue, ...]]:
        """Return what was found by each judge, and what could not be, for lack of targets."""
        for at, lookup in self._lookups.items():
            unread = len(lookup.left_out) + sum(n not in self._known for n in lookup.lacking)
            if unread:
                self._found[at] += (issue("reference-target-unread", found=unread),)
        return self._found


async def _read(store: ResourceStore, names: Sequence[str]) -> dict[str, Known]:
    """Read resources by name: current ones at once, certain versions one by one."""
    keys = {_key(name): name for name in names if "/_history/" not in name}
    found: dict[str, StoredVersion | None] = {}
    if keys:
        current = await store.read_many([*keys])
        found = {name: current.get(key) for key, name in keys.items()}
    for name in names:
        if name not in found:
            found[name] = await _vread(store, name)
    if len(found) > _MANY:
        return await asyncio.to_thread(_decoded, found)
    return _decoded(found)


async def _vread(store: ResourceStore, name: str) -> StoredVersion | None:
    instance, _, version = name.partition("/_history/")
    if not _VERSION.fullmatch(version):
        return None
    return await store.vread(*_key(instance), VersionId(int(version)))


def _key(name: str) -> tuple[ResourceType, LogicalId]:
    resource_type, _, logical_id = name.partition("/")
    return ResourceType(resource_type), LogicalId(logical_id)


def _decoded(found: Mapping[str, StoredVersion | None]) -> dict[str, Known]:
    return {name: _known(version) for name, version in found.items()}


def _known(version: StoredVersion | None) -> Known:
    if version is None:
        return Absent.UNKNOWN
    resource: JsonObject | None = None if version.body is None else decode_stored(version.body)
    return Absent.DELETED if resource is None else resource
