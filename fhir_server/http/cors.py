"""Browsers of other origins: what they may send and which headers they may read.

Spec: https://hl7.org/fhir/R4/security.html#cors
"""

from fhir_server.http.exchange import Exchange, Reply

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_REQUEST_HEADERS = (
    b"Accept, Accept-Language, Authorization, Content-Type, If-Match, If-Modified-Since, "
    b"If-None-Exist, If-None-Match, Prefer, X-Request-Id"
)
_EXPOSED = b"Location, Content-Location, ETag, Last-Modified, X-Request-Id"
_MAX_AGE = b"86400"


class Cors:
    """Answers to ``Origin``; credentials are never allowed, so a wildcard gives nothing away.

    Args:
        origins: Allowed origins; ``*`` among them allows every one; none at all turns CORS off.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def _allowed(self, exchange: Exchange) -> bytes | None:
        origin = exchange.headers.get(b"origin")
        if origin is None:
            return None
        if self._any:
            return b"*"
        return origin if origin in self._origins else None

    def preflight(self, exchange: Exchange) -> Reply | None:
        """Return the answer to a preflight; None: it is not one, or the origin is not allowed."""
        if exchange.method != "OPTIONS" or b"access-control-request-method" not in exchange.headers:
            return None
        if self._allowed(exchange) is None:
            return None
        return Reply(
            204,
            [
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _REQUEST_HEADERS),
                (b"access-control-max-age", _MAX_AGE),
            ],
        )

    def mark(self, exchange: Exchange, reply: Reply) -> None:
        """Let the page that asks read the answer and the headers that FHIR uses."""
        origin = self._allowed(exchange)
        if origin is not None:
            reply.headers.append((b"access-control-allow-origin", origin))
            reply.headers.append((b"access-control-expose-headers", _EXPOSED))
