"""Validation of content whose references lead to stored resources.

The validator notes what it lacks; that is read in one go, and what asked for it is judged again.
What is stored may change between that and the commit: nothing is promised about it.

Spec: https://hl7.org/fhir/R4/references.html#literal
Decision: docs/decisions/0035-targets-in-the-store.md
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence

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
    known = dict(targets)
    left = [most_targets] * len(judges)
    found: list[tuple[Issue, ...]] = [()] * len(judges)
    lookups: dict[int, KnownTargets] = {}

    def judge(waiting: Sequence[int]) -> None:
        for at in waiting:
            lookups[at] = KnownTargets(known, base_url=base_url, limit=left[at])
            found[at] = judges[at](lookups[at])

    waiting: Sequence[int] = range(len(judges))
    for _ in range(_MOST_ROUNDS):
        if is_large:
            await asyncio.to_thread(judge, waiting)
        else:
            judge(waiting)
        names = dict.fromkeys(name for at in waiting for name in lookups[at].lacking)
        wanted = [*names][: MOST_OF_ALL - len(known) + len(targets)]
        if not wanted:
            break
        read = await _read(store, wanted)
        known |= read
        for at in waiting:
            left[at] -= len(lookups[at].lacking)
        waiting = [
            at
            for at in waiting
            if any(read.get(n, Absent.UNKNOWN) is not Absent.UNKNOWN for n in lookups[at].lacking)
        ]
    for at, lookup in lookups.items():
        unread = len(lookup.left_out) + sum(name not in known for name in lookup.lacking)
        if unread:
            found[at] += (issue("reference-target-unread", found=unread),)
    return found


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
