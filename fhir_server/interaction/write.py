"""The one way in which versions are made: conditions, stamps, index values, one commit.

Spec: https://hl7.org/fhir/R4/http.html#concurrency and https://hl7.org/fhir/R4/resource.html#Meta
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from fhir_server.interaction.knowledge import DEFINITION_TYPES, Knowledge
from fhir_server.interaction.services import Services
from fhir_server.model import (
    Conflict,
    Issue,
    JsonObject,
    LogicalId,
    ResourceType,
    VersionId,
    VersionMismatch,
    decode_stored,
    encode,
)
from fhir_server.search import SearchQuery
from fhir_server.storage import AlreadyExists, StaleWrite, StoredVersion, Write, WriteMethod

MAX_ATTEMPTS = 5

Effect = Literal["created", "updated", "unchanged", "deleted", "absent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a client wants of one resource.

    Attributes:
        method: The interaction that asks.
        resource_type: Of the resource.
        logical_id: Of the resource.
        resource: The new content; None deletes.
        is_new: The id was made just now, so that nothing can be stored under it.
        if_match: Version id that must be current; ``*``: any version.
        based_on: Version id that the new content was worked out from (patch): another current one
            means that it must be worked out again.
        must_be_absent: Nothing current may be there (``If-None-Match: *``).
        unless: Nothing current may match this when it is committed (conditional create).
        warnings: What validation found beside errors.
        place: Where the client asked for it, for its refusals (``Bundle.entry[3]``).
    """

    method: WriteMethod
    resource_type: ResourceType
    logical_id: LogicalId
    resource: JsonObject | None
    is_new: bool = False
    if_match: str | None = None
    based_on: VersionId | None = None
    must_be_absent: bool = False
    unless: SearchQuery | None = None
    warnings: tuple[Issue, ...] = ()
    place: str | None = None


class Raced(Exception):
    """A change was worked out from a version that is no longer current: work it out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a change; ``version`` is None only where a deletion met nothing at all."""

    change: Change
    effect: Effect
    version: StoredVersion | None
    warnings: tuple[Issue, ...] = ()


async def commit_changes(
    services: Services, knowledge: Knowledge, changes: Sequence[Change]
) -> list[Result]:
    """Make all changes in one commit, or none.

    Args:
        services: Store and clock.
        knowledge: For the index values.
        changes: Each of another resource.

    Returns:
        One result a change, in order.

    Raises:
        VersionMismatch: A condition on the current version does not hold.
        Raced: A change's ``based_on`` is not current any more.
        AlreadyExists: Something matches a change's ``unless``: look again and decide anew.
        Conflict: Others kept being faster.
    """
    for _ in range(MAX_ATTEMPTS):
        currents = await _currents(services, changes)
        now = services.clock()
        results = [
            _result(knowledge, change, current, now)
            for change, current in zip(changes, currents, strict=True)
        ]
        writes = [write for _, write in results if write is not None]
        try:
            if writes:
                await services.store.commit(writes)
        except StaleWrite:
            continue
        return await _in_effect(services, [result for result, _ in results])
    raise Conflict.of("write-contended", expression=changes[0].place, found=MAX_ATTEMPTS)


async def change_until_done(services: Services, make: Callable[[], Awaitable[Change]]) -> Result:
    """Make a change that is worked out from what is stored; work it out again where that raced.

    Raises:
        Conflict: Others kept being faster.
    """
    for _ in range(MAX_ATTEMPTS):
        change = await make()
        try:
            (result,) = await commit_changes(services, services.knowledge.current, (change,))
        except (Raced, AlreadyExists):
            continue
        return result
    raise Conflict.of("write-contended", found=MAX_ATTEMPTS)


async def _currents(services: Services, changes: Sequence[Change]) -> list[StoredVersion | None]:
    keys = [(c.resource_type, c.logical_id) for c in changes if not c.is_new]
    if not keys:
        return [None] * len(changes)
    if len(changes) == 1:
        return [await services.store.read(*keys[0])]
    found = await services.store.read_many(keys)
    return [found.get((c.resource_type, c.logical_id)) for c in changes]


def _result(
    knowledge: Knowledge, change: Change, current: StoredVersion | None, now: datetime
) -> tuple[Result, Write | None]:
    check_conditions(change, current)
    is_there = current is not None and not current.is_deleted
    if change.resource is None and not is_there:
        return Result(change=change, effect="absent", version=current), None
    if change.resource is not None and current is not None and _is_identical(change, current):
        return _as(change, "unchanged", current), None
    version_id = VersionId(1 if current is None else current.version_id + 1)
    at = now if current is None else max(now, current.last_updated)
    if change.resource is None:
        version = _version(change, version_id, at, None)
        return _as(change, "deleted", version), Write(version=version, values=None)
    stamped = stamp(change.resource, change.logical_id, version_id, at)
    version = _version(change, version_id, at, encode(stamped))
    write = Write(
        version=version, values=knowledge.extractor.extract(stamped), unless=change.unless
    )
    return _as(change, "updated" if is_there else "created", version), write


def _as(change: Change, effect: Effect, version: StoredVersion) -> Result:
    return Result(change=change, effect=effect, version=version, warnings=change.warnings)


def _version(
    change: Change, version_id: VersionId, at: datetime, body: bytes | None
) -> StoredVersion:
    return StoredVersion(
        resource_type=change.resource_type,
        logical_id=change.logical_id,
        version_id=version_id,
        last_updated=at,
        method=change.method,
        body=body,
    )


def check_conditions(change: Change, current: StoredVersion | None) -> None:
    """Compare the state of the resource with what the client demands.

    Raises:
        VersionMismatch: They differ.
    """
    is_there = current is not None and not current.is_deleted
    if change.must_be_absent and is_there:
        raise VersionMismatch.of("exists-already", expression=change.place)
    if change.based_on is not None and (current is None or current.version_id != change.based_on):
        raise Raced
    wanted = change.if_match
    if wanted is None:
        return
    if current is None or not is_there:
        raise VersionMismatch.of("version-none", expression=change.place, expected=wanted)
    if wanted not in {"*", str(current.version_id)}:
        raise VersionMismatch.of(
            "version-mismatch",
            expression=change.place,
            expected=wanted,
            found=current.version_id,
        )


def stamp(
    resource: JsonObject, logical_id: LogicalId, version_id: VersionId, at: datetime
) -> JsonObject:
    """Return the resource as it is stored: with its id and the server's part of ``meta`` in front.

    What the client put into ``meta.versionId`` and ``meta.lastUpdated`` is replaced, the rest of
    its ``meta`` (profiles, tags, labels, source) is kept.
    """
    meta: JsonObject = {"versionId": str(version_id), "lastUpdated": instant(at)}
    for key, value in resource.get("meta", {}).items():
        if key not in _SERVER_META:
            meta[key] = value
    stamped: JsonObject = {
        "resourceType": resource["resourceType"], "id": logical_id, "meta": meta,
    }  # fmt: skip
    for key, value in resource.items():
        if key not in stamped:
            stamped[key] = value
    return stamped


_SERVER_META = frozenset({"versionId", "lastUpdated", "_versionId", "_lastUpdated"})


@lru_cache(maxsize=16)  # 500 entries of a transaction are of one moment
def instant(at: datetime) -> str:
    """Write a UTC time as FHIR's ``instant`` with milliseconds."""
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


def _is_identical(change: Change, current: StoredVersion) -> bool:
    """Say whether storing the resource would change nothing but the stamps.

    The order of properties means nothing in JSON; decimals differ by their digits.
    """
    if current.body is None or change.resource is None:
        return False
    at = current.last_updated
    same = encode(stamp(change.resource, change.logical_id, current.version_id, at))
    if len(same) != len(current.body):
        return False
    return same == current.body or _sorted(decode_stored(same)) == _sorted(
        decode_stored(current.body)
    )


def _sorted(resource: JsonObject) -> bytes:
    return encode(_in_order(resource))


def _in_order(value: object) -> object:
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


async def _in_effect(services: Services, results: list[Result]) -> list[Result]:
    """Let written definitions take effect; a warning goes to the first result."""
    versions = [
        result.version
        for result in results
        if result.change.resource_type in DEFINITION_TYPES
        and result.effect in {"created", "updated", "deleted"}
        and result.version is not None
    ]
    if not versions:
        return results
    warnings = await services.knowledge.apply(versions)
    if any(version.resource_type == "SearchParameter" for version in versions):
        await services.index.catch_up()
    if not warnings:
        return results
    first = results[0]
    return [
        Result(
            change=first.change,
            effect=first.effect,
            version=first.version,
            warnings=(*first.warnings, *warnings),
        ),
        *results[1:],
    ]
