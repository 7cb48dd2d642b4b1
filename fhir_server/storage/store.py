"""What every backend can do: the protocol, and the values it speaks in.

Both backends promise: acknowledged means durable; version ids 1, 2, 3 … without gaps; a commit
is all or nothing and never seen half-done; a conditional create cannot make two.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from fhir_server.model import LogicalId, ResourceType, VersionId
from fhir_server.search import IndexValues, PagePosition, SearchQuery
from fhir_server.storage.job import JobStore

WriteMethod = Literal["POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """One version of one resource as it was acknowledged.

    Attributes:
        resource_type: Its type.
        logical_id: Its id.
        version_id: 1 for the first; a deletion is a version too.
        last_updated: UTC, whole milliseconds.
        method: The interaction that made it.
        body: The exact JSON bytes with ``id`` and ``meta``; None: the version is a deletion.
    """

    resource_type: ResourceType
    logical_id: LogicalId
    version_id: VersionId
    last_updated: datetime
    method: WriteMethod
    body: bytes | None

    @property
    def is_deleted(self) -> bool:
        """Whether this version is a deletion."""
        return self.body is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One change to be committed: the version as it will be read, and what it is found by.

    Attributes:
        version: The new version. Its ``version_id`` is the current one plus 1 (1 where nothing was
            ever stored): that is also what the store verifies, so a lost race is noticed.
        values: What it is found by; None for a deletion.
        unless: For conditional creates: the write is refused where a current resource matches.
    """

    version: StoredVersion
    values: IndexValues | None
    unless: SearchQuery | None = None


class StaleWrite(Exception):
    """Another commit was faster: the version that a write builds on is not the current one.

    Attributes:
        index: Which of the writes it is.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__(f"write {index} builds on a version that is not the current one")


class AlreadyExists(Exception):
    """A write's ``unless`` matches a current resource, or did a moment ago: look again.

    Attributes:
        index: Which of the writes it is.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__(f"write {index} must not be made: its criteria match something")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """One page of matches.

    Attributes:
        matches: Current versions, in order.
        next: Where the next page starts; None: this is the last.
        total: Number of all matches where it was asked for.
    """

    matches: tuple[StoredVersion, ...]
    next: PagePosition | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedStep:
    """One query that the database is asked for a page; None: the database does not tell.

    Attributes:
        action: What is done, in the database's words.
        indexes: Names of the indexes that are read; none: everything is read.
        keys_examined: Index entries that were read.
        documents_examined: Rows or documents that were read.
        returned: What came of it.
    """

    action: str
    indexes: tuple[str, ...] = ()
    keys_examined: int | None = None
    documents_examined: int | None = None
    returned: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """Which versions are asked for, newest first.

    Attributes:
        resource_type: Only of this type; None: of every type.
        logical_id: Only of this resource; needs ``resource_type``.
        since: Only versions at or after this instant.
        at: Only versions that were current at or within this interval (``[low, high)``).
        page_count: Versions a page; 0 asks for the total alone.
        after: The ``next`` of the page before.
        counts: Whether the total is wanted; counting costs more than the page where there is much.
    """

    resource_type: ResourceType | None = None
    logical_id: LogicalId | None = None
    since: datetime | None = None
    at: tuple[datetime, datetime] | None = None
    page_count: int = 100
    after: str | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """One page of versions; ``next`` is opaque, for the same query.

    ``total`` is of all pages; None: not wanted, or too many to be counted.
    """

    versions: tuple[StoredVersion, ...]
    next: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChange:
    """One version was committed; what is in it can be read."""

    resource_type: ResourceType
    logical_id: LogicalId
    version_id: VersionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBatch:
    """What was committed since the batch before, in the order of versions of each resource.

    Attributes:
        changes: May be empty: nothing happened, the token is newer all the same.
        token: Opaque; what follows this batch can be asked for by it, also by another process.
    """

    changes: tuple[StoredChange, ...]
    token: str


class ChangesLost(Exception):
    """What came after a token is not known any more: look at everything anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """Whether the store answers, and what people should know about it (without secrets)."""

    is_ready: bool
    description: str
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """What is to be removed for good.

    Attributes:
        resource_type: Only of this type; None: of every type.
        logical_id: Only of this resource; needs ``resource_type``.
        superseded: Versions that are not current.
        deleted: All versions of resources that are deleted.
        limit: Versions at most.
    """

    resource_type: ResourceType | None = None
    logical_id: LogicalId | None = None
    superseded: bool = False
    deleted: bool = False
    limit: int = 1000


class ResourceStore(Protocol):
    """Versions of resources, found by their index values.

    All methods but ``health`` raise ``Unavailable`` on faults of the database.
    """

    async def read(
        self, resource_type: ResourceType, logical_id: LogicalId
    ) -> StoredVersion | None:
        """Return the current version (also when it is a deletion); None: never stored."""

    async def read_many(
        self, keys: Sequence[tuple[ResourceType, LogicalId]]
    ) -> dict[tuple[ResourceType, LogicalId], StoredVersion]:
        """Return the current versions of those keys that were ever stored."""

    async def vread(
        self, resource_type: ResourceType, logical_id: LogicalId, version_id: VersionId
    ) -> StoredVersion | None:
        """Return that version; None: there is none."""

    async def commit(self, writes: Sequence[Write]) -> None:
        """Make all writes durable, or none.

        The same resource occurs in at most one write.

        Raises:
            StaleWrite: The current version of a resource is not the one before the write's.
            AlreadyExists: A write's ``unless`` matches a current resource.
            Unavailable: Nothing was stored; or it is not known, and the same commit may be tried
                again.
        """

    async def reindex(self, found: Sequence[tuple[StoredVersion, IndexValues]]) -> None:
        """Replace what current versions are found by; their bodies stay as they are.

        A version that is not current any more is left alone: who wrote the newer one gave it its
        values. One by one: not all or nothing.
        """

    async def purge(self, asked: Purge) -> int:
        """Remove versions for good, the oldest of each resource first; return how many.

        A version that can be read without its number stays, whatever others write meanwhile. Where
        the limit is not reached, nothing of what was asked is left. What is created anew under the
        id of a resource of which nothing is left starts at version 1.
        """

    async def search(self, query: SearchQuery) -> SearchPage:
        """Return one page of current, undeleted resources.

        Raises:
            TooCostly: The query would read more, or take longer, than the limits allow.
        """

    async def explain(self, query: SearchQuery) -> tuple[ExplainedStep, ...]:
        """Tell how a page of a search is found, in the order of the work."""

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """Return one page of versions, newest first, deletions included."""

    def changes(
        self, resource_types: Collection[str] = (), after: str | None = None
    ) -> AsyncIterator[ChangeBatch]:
        """Follow the commits of all processes, without end.

        The first batch comes at once; what is committed after it has come is not missed. Each
        change comes at least once.

        Args:
            resource_types: Only of these types; none: of every type.
            after: Token of a batch; None: from now on.

        Raises:
            ChangesLost: The token is too old, or none.
            Unavailable: The database was lost; follow again, with the last token.
            NotSupported: This database cannot be followed.
        """

    async def notes(self, prefix: str) -> dict[str, bytes]:
        """Return what was noted under names that begin with ``prefix``."""

    async def note(self, name: str, value: bytes | None) -> None:
        """Keep a few bytes about the store as a whole under a name; None: forget them."""

    async def shared_key(self) -> bytes:
        """Return 32 random bytes: the same in all processes on this store, after a restart too."""

    @property
    def jobs(self) -> JobStore:
        """Jobs that are kept beside the resources."""

    async def health(self) -> StoreHealth:
        """Say whether the store can be used now; never raises."""

    async def close(self) -> None:
        """Finish what is under way and let go of everything. Nothing may be called after it."""
