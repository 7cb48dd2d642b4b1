"""What every interaction is handed: the store, the knowledge in force, limits, clock and ids.

Interactions are functions ``async (Services, Target, Request) -> Response``.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from fhir_server.interaction.job import Jobs
from fhir_server.interaction.knowledge import KnowledgeBase
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.search_index import SearchIndex
from fhir_server.interaction.target import Target
from fhir_server.model import LogicalId
from fhir_server.search import PageTokens, SearchLimits
from fhir_server.storage import ResourceStore

ValidationMode = Literal["strict", "warn", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionOptions:
    """Limits and choices of the interactions.

    Attributes:
        validation_mode: ``strict`` refuses what has errors, ``warn`` stores it and tells, ``off``
            does not look (only the shape that the server itself needs is checked).
        requires_national: Whether a resource must also meet the national profiles of its type.
        accepts_draft_definitions: Whether profiles, value sets and the like are stored, with
        warnings,
            although they break rules of their own type.
        max_transaction_entries: Entries of one transaction.
        max_batch_entries: Entries of one batch.
        max_conditional_deletes: Matches that one conditional delete may delete; 1: several are
            refused.
        history_page_count: Versions a page where ``_count`` is not given.
        allows_expunge: Whether versions may be removed for good.
        offload_from_bytes: Validation of larger bodies runs on a worker thread.
    """

    validation_mode: ValidationMode = "strict"
    requires_national: bool = False
    accepts_draft_definitions: bool = True
    max_transaction_entries: int = 1000
    max_batch_entries: int = 2000
    max_conditional_deletes: int = 1
    history_page_count: int = 50
    allows_expunge: bool = False
    offload_from_bytes: int = 100_000


def utc_now() -> datetime:
    """Return the time in UTC, cut to milliseconds: that is what ``meta.lastUpdated`` holds."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def random_id() -> LogicalId:
    """Return a new logical id: a random UUID (version 4) in its usual spelling."""
    digits = bytearray(os.urandom(16))
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    text = digits.hex()
    return LogicalId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Handed to each interaction; who needs a fixed clock or countable ids puts them in here."""

    store: ResourceStore
    knowledge: KnowledgeBase
    pages: PageTokens
    jobs: Jobs
    index: SearchIndex
    search_limits: SearchLimits = field(default_factory=SearchLimits)
    options: InteractionOptions = field(default_factory=InteractionOptions)
    clock: Callable[[], datetime] = utc_now
    new_id: Callable[[], LogicalId] = random_id


Handler = Callable[[Services, Target, Request], Awaitable[Response]]
