"""What an interaction gets and gives.

Plain values, so that a route, a Bundle entry, the console or a test can call it.

Spec: https://hl7.org/fhir/R4/http.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from fhir_server.model import JsonObject, Language, LogicalId, PostedText, ResourceType, VersionId

ReturnPreference = Literal["minimal", "representation", "OperationOutcome"]
Handling = Literal["strict", "lenient"]
Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preconditions:
    """Conditions on the state of the server, from headers or from ``Bundle.entry.request``.

    Attributes:
        if_match: Version id that must be current (from ``W/"3"``).
        if_none_match: Version ids that the client has; ``*`` alone: nothing may be there.
        if_modified_since: The client has everything up to this instant.
        if_none_exist: Search parameters of a conditional create.
    """

    if_match: str | None = None
    if_none_match: tuple[str, ...] = ()
    if_modified_since: datetime | None = None
    if_none_exist: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What the client would like (header ``Prefer``); None: it did not say."""

    returns: ReturnPreference | None = None
    handling: Handling | None = None
    is_async: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as FHIR sees it; ``path`` is relative to the base URL, without leading slash.

    Attributes:
        method: Upper-case HTTP method; HEAD arrives as GET.
        path: Such as ``Patient/1/_history/2``.
        parameters: Decoded query (and form) parameters in order.
        resource: The decoded body, where there is one.
        body: The posted bytes.
        text: Where the values of the resource stand in them, for places in messages.
        content_type: Media type of the body without parameters.
        preconditions: See there.
        preferences: See there.
        language: The language for people.
        accept_language: The header as sent: terminology has displays in other languages too.
        base_url: Of links; from the settings, never from ``Host``.
    """

    method: str
    path: str
    parameters: Parameters = ()
    resource: JsonObject | None = None
    body: bytes | None = None
    text: PostedText | None = None
    content_type: str | None = None
    preconditions: Preconditions = field(default_factory=Preconditions)
    preferences: Preferences = field(default_factory=Preferences)
    language: Language = "uk"
    accept_language: str | None = None
    base_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer as FHIR sees it.

    Attributes:
        status: HTTP status.
        body: The exact stored bytes, or a resource built for the answer; None: no body.
        version_id: For the ETag.
        last_modified: For ``Last-Modified``.
        resource_type: Of the instance that was read or written.
        logical_id: Of the instance that was read or written.
        location: Relative URL of what was made (``Patient/1/_history/1``).
        outcome: An OperationOutcome that accompanies success: for ``return=OperationOutcome`` and
            for ``Bundle.entry.response.outcome``.
        headers: Further headers.
        media_type: Of a body that is no resource: its bytes are sent as they are.
        file: Holds such a body, instead of ``body``.
    """

    status: int
    body: bytes | JsonObject | None = None
    version_id: VersionId | None = None
    last_modified: datetime | None = None
    resource_type: ResourceType | None = None
    logical_id: LogicalId | None = None
    location: str | None = None
    outcome: JsonObject | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str | None = None
    file: Path | None = None
