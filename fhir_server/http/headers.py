"""Headers as values: conditions, preferences, languages; how versions and times are written.

Spec: https://hl7.org/fhir/R4/http.html#Http-Headers
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from fhir_server.interaction import Preconditions, Preferences, entity_tags, single_tag
from fhir_server.model import Language

Headers = Mapping[bytes, bytes]

NO_PRECONDITIONS = Preconditions()
NO_PREFERENCES = Preferences()
_CONDITIONAL = frozenset({b"if-match", b"if-none-match", b"if-modified-since", b"if-none-exist"})

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def join_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return headers by lower-case name; repeated ones are joined by commas (RFC 9110 5.3)."""
    joined: dict[bytes, bytes] = {}
    for name, value in pairs:
        joined[name] = joined[name] + b", " + value if name in joined else value
    return joined


def text_of(headers: Headers, name: bytes) -> str | None:
    """Return a header as text; bytes beyond ASCII are kept by Latin-1, as HTTP has it."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def preconditions(headers: Headers) -> Preconditions:
    """Read ``If-Match``, ``If-None-Match``, ``If-Modified-Since`` and ``If-None-Exist``.

    Spec: https://hl7.org/fhir/R4/http.html#concurrency

    Raises:
        InvalidRequest: An entity tag is not one, or ``If-Match`` names several versions.
    """
    if _CONDITIONAL.isdisjoint(headers):
        return NO_PRECONDITIONS
    if_match = text_of(headers, b"if-match")
    if_none_match = text_of(headers, b"if-none-match")
    if_modified_since = text_of(headers, b"if-modified-since")
    if_none_exist = text_of(headers, b"if-none-exist")
    return Preconditions(
        if_match=single_tag("If-Match", if_match),
        if_none_match=entity_tags("If-None-Match", if_none_match or ""),
        if_modified_since=_instant(if_modified_since),
        if_none_exist=if_none_exist,
    )


def _instant(value: str | None) -> datetime | None:
    """Read an HTTP date; one that cannot be read is ignored, as RFC 9110 13.1.3 demands."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@lru_cache(maxsize=256)
def preferences(value: str | None) -> Preferences:
    """Read ``Prefer``; what it does not know it ignores, as RFC 7240 demands.

    Spec: https://hl7.org/fhir/R4/http.html#ops
    """
    if value is None:
        return NO_PREFERENCES
    wishes = {
        name.strip().lower(): wish.strip().strip('"')
        for name, _, wish in (part.partition("=") for part in re.split("[;,]", value))
    }
    returns, handling = wishes.get("return"), wishes.get("handling")
    return Preferences(
        returns=returns if returns in _RETURNS else None,  # type: ignore[arg-type] # one of the three
        handling=handling if handling in _HANDLING else None,  # type: ignore[arg-type] # one of the two
        is_async="respond-async" in wishes,
    )


_RETURNS = frozenset({"minimal", "representation", "OperationOutcome"})
_HANDLING = frozenset({"strict", "lenient"})


@lru_cache(maxsize=256)
def language(accept_language: str | None, default: Language) -> Language:
    """Return the language for people: the best of Ukrainian and English that the client takes."""
    best: tuple[float, Language] | None = None
    for part in (accept_language or "").split(","):
        tag, _, parameters = part.partition(";")
        spoken = tag.strip().lower().partition("-")[0]
        weight = quality(parameters)
        if spoken in {"uk", "en"} and weight > 0 and (best is None or weight > best[0]):
            best = (weight, "uk" if spoken == "uk" else "en")
    return default if best is None else best[1]


def quality(parameters: str) -> float:
    """Return the ``q`` of one list item: 1 where there is none, 0 where it is no number.

    Spec: https://www.rfc-editor.org/rfc/rfc9110#name-quality-values
    """
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def etag(version_id: int) -> bytes:
    """Write a version id as a weak entity tag."""
    return b'W/"%d"' % version_id


def http_date(moment: datetime) -> bytes:
    """Write an HTTP date, whole seconds, GMT (0.9 µs; ``email.utils.format_datetime`` takes 4)."""
    at = moment.astimezone(UTC)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04}"
        f" {at.hour:02}:{at.minute:02}:{at.second:02} GMT"
    ).encode()
