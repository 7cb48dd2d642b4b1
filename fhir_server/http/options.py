"""What the HTTP layer is told: addresses, limits, defaults. Values, handed in by ``app.py``."""

from dataclasses import dataclass, field

from fhir_server.model import JsonLimits, Language


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """Options of the FHIR handler.

    Attributes:
        base_url: Of all links, without trailing slash.
        base_path: Path below which the handler is mounted, such as ``/fhir``.
        language: For people, where the client does not say.
        resource_limits: Of a posted resource.
        bundle_limits: Of a posted Bundle, and of what an operation takes.
        body_timeout_s: Seconds until a body must be there.
        compress_min_bytes: Answers from this length on are packed where the client takes it.
        max_concurrent_requests: More at the same time are answered with 503.
        cors_origins: Allowed origins; ``*`` is every one.
        is_access_logged: Whether each answer is logged: method, status, time; no content.
    """

    base_url: str
    base_path: str = "/fhir"
    language: Language = "uk"
    resource_limits: JsonLimits = field(default=JsonLimits())
    bundle_limits: JsonLimits = field(default=JsonLimits(max_bytes=20_000_000))
    body_timeout_s: float = 30
    compress_min_bytes: int = 1024
    max_concurrent_requests: int = 1000
    cors_origins: tuple[str, ...] = ("*",)
    is_access_logged: bool = False

    def body_limits(self, path: str) -> JsonLimits:
        """Return the limits of a body: the base, Bundles and operations take more."""
        is_large = path == "" or path.startswith("Bundle") or "$" in path
        return self.bundle_limits if is_large else self.resource_limits
