"""Refusals: the only place where an HTTP status meets an error.

Spec: https://hl7.org/fhir/R4/http.html#Status-Codes
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar, Self

from fhir_server.model.issues import Issue, IssueType, issue

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class FhirError(Exception):
    """A request that is refused, with the issues that say why.

    Attributes:
        status: The HTTP status; fixed by the class.
        default_code: The issue code where the message names none of its own.
        issues: At least one finding.
        headers: Headers that belong to the refusal, such as ``Allow`` or ``Retry-After``.
    """

    status: ClassVar[int] = 500
    default_code: ClassVar[IssueType] = "exception"

    def __init__(self, issues: Iterable[Issue], headers: Mapping[str, str] = _NO_HEADERS) -> None:
        self.issues = tuple(issues)
        self.headers = headers
        super().__init__("; ".join(found.text.en for found in self.issues))

    @classmethod
    def of(cls, rule: str, /, *, expression: str | None = None, **values: object) -> Self:
        """Make the refusal of one catalogued message."""
        return cls((issue(rule, code=cls.default_code, expression=expression, **values),))  # type: ignore[arg-type] # placeholders only


class InvalidRequest(FhirError):
    """The request itself is not understood: syntax, parameters, contradictions."""

    status, default_code = 400, "invalid"


class Unauthenticated(FhirError):
    """Nobody is signed in, or the token is not good."""

    status, default_code = 401, "login"


class Forbidden(FhirError):
    """The one who asks may not do this."""

    status, default_code = 403, "forbidden"


class NotFound(FhirError):
    """Nothing of that type or id was ever here."""

    status, default_code = 404, "not-found"


class MethodNotAllowed(FhirError):
    """The URL exists, the method does not fit it; ``Allow`` is among the headers."""

    status, default_code = 405, "not-supported"


class NotAcceptable(FhirError):
    """None of the formats asked for can be given."""

    status, default_code = 406, "not-supported"


class RequestTimeout(FhirError):
    """The client did not send its request in time."""

    status, default_code = 408, "timeout"


class Conflict(FhirError):
    """The change collides with another one; trying again may succeed."""

    status, default_code = 409, "conflict"


class Deleted(FhirError):
    """It was here and is deleted; its history can still be read."""

    status, default_code = 410, "deleted"


class VersionMismatch(FhirError):
    """``If-Match`` names another version than the current one."""

    status, default_code = 412, "conflict"


class MultipleMatches(FhirError):
    """Criteria that must single out one resource match several."""

    status, default_code = 412, "multiple-matches"


class TooLarge(FhirError):
    """The body or the Bundle is over the limit."""

    status, default_code = 413, "too-long"


class UnsupportedMediaType(FhirError):
    """The body is in a format that this server does not read."""

    status, default_code = 415, "not-supported"


class ValidationFailed(FhirError):
    """The content breaks rules; the issues keep their own codes."""

    status, default_code = 422, "processing"


class TooCostly(FhirError):
    """Answering would read more than the limits allow; narrow the request."""

    status, default_code = 400, "too-costly"


class Unavailable(FhirError):
    """The database does not answer in time; nothing was stored."""

    status, default_code = 503, "transient"


class NotSupported(FhirError):
    """A part of the specification that this server does not offer."""

    status, default_code = 501, "not-supported"
