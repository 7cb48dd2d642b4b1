"""One request on its way: what is known of it so far, so that even a refusal is answered well."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fhir_server.http.codec import JSON_CODEC, Codec
from fhir_server.http.headers import Headers
from fhir_server.http.negotiation import JSON, Format
from fhir_server.interaction import Preferences
from fhir_server.model import Language, PostedText


class Exchange:
    """What the handler learns about a request, step by step.

    Attributes:
        method: As sent, upper case.
        path: Below the base URL, without slashes at its ends.
        headers: By lower-case name.
        request_id: Of the answer and of the log.
        language: For people.
        format: Of the answer; JSON until negotiation has succeeded.
        codec: Writes the answer in that format.
        is_pretty: Whether the answer is indented.
        may_be_content: Whether a Binary is read, which may be answered with what it holds.
        preferences: From ``Prefer``.
        body: The posted bytes, once read.
        text: Where the values of the posted resource stand, once it is decoded.
    """

    __slots__ = (
        "body", "codec", "format", "headers", "is_pretty", "language", "may_be_content", "method",
        "path", "preferences", "request_id", "text",
    )  # fmt: skip

    def __init__(
        self, *, method: str, path: str, headers: Headers, request_id: str, language: Language
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.request_id = request_id
        self.language: Language = language
        self.format: Format = JSON
        self.codec: Codec = JSON_CODEC
        self.is_pretty = False
        self.may_be_content = False
        self.preferences = Preferences()
        self.body = b""
        self.text: PostedText | None = None


@dataclass(slots=True)
class Reply:
    """An answer as HTTP sends it; headers are added to it until it leaves.

    Attributes:
        status: HTTP status.
        headers: By lower-case name.
        body: All of it.
        file: Where it lies instead, sent piece by piece.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    file: Path | None = None

    def header(self, name: bytes) -> bytes | None:
        """Return the first header of that lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


def with_headers(reply: Reply, more: Mapping[str, str]) -> Reply:
    """Add headers given as text."""
    reply.headers.extend((name.lower().encode(), value.encode()) for name, value in more.items())
    return reply
