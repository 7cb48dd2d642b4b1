"""Which format a body is in and which one the answer gets.

Spec: https://hl7.org/fhir/R4/http.html#mime-type
"""

from dataclasses import dataclass
from functools import lru_cache

from fhir_server.http.headers import quality
from fhir_server.model import NotAcceptable, UnsupportedMediaType

FHIR_VERSIONS = frozenset({"4.0", "4.0.1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One wire format and how it is called; its `codec.Codec` reads and writes it.

    Attributes:
        name: Its short name in ``_format``.
        media_type: What answers are labelled with.
        aliases: Every other media type and short name that means it.
    """

    name: str
    media_type: str
    aliases: frozenset[str]

    @property
    def content_type(self) -> bytes:
        """The value of the header ``Content-Type``."""
        charset = "" if self.name == "ndjson" else ";charset=utf-8"
        return f"{self.media_type}{charset}".encode()


JSON = Format(
    name="json",
    media_type="application/fhir+json",
    aliases=frozenset({"application/json", "application/json+fhir", "text/json"}),
)
XML = Format(
    name="xml",
    media_type="application/fhir+xml",
    aliases=frozenset({"application/xml", "application/xml+fhir", "text/xml"}),
)
NDJSON = Format(
    name="ndjson",
    media_type="application/fhir+ndjson",
    aliases=frozenset({"application/ndjson", "application/x-ndjson"}),
)
READ_FORMATS = (JSON, XML)
"""What resources may be posted in."""
FORMATS = (*READ_FORMATS, NDJSON)
"""What answers may be given in; NDJSON is for the resources of a Bundle, one a line."""

MEDIA_TYPES = tuple(f.media_type for f in FORMATS)
"""What the CapabilityStatement tells."""

_BY_NAME = {name: f for f in FORMATS for name in (f.name, f.media_type, *f.aliases)}
_READ_TYPES = ", ".join(f.media_type for f in READ_FORMATS)
_OFFERED = ", ".join(MEDIA_TYPES)

FORM = "application/x-www-form-urlencoded"
PATCHES = frozenset({"application/json-patch+json", "application/xml-patch+xml"})
"""Bodies that are no resources: the interaction reads them."""
QUERIES = frozenset({"application/graphql", "application/json"})
"""The same below ``$graphql``: a query, alone or in JSON that is no resource."""


@lru_cache(maxsize=512)
def answer_format(accept: str | None, format_parameter: str | None) -> Format:
    """Return the format of the answer; ``_format`` has the last word.

    Raises:
        NotAcceptable: Nothing that is asked for can be given.
    """
    if format_parameter is not None:
        # "+" in a query string is a blank: ?_format=application/fhir+json arrives with one
        chosen = _acceptable(format_parameter.strip().replace(" ", "+"))
        if chosen is None:
            raise NotAcceptable.of("format-not-offered", found=format_parameter, expected=_OFFERED)
        return chosen
    if accept is None:
        return FORMATS[0]
    best: tuple[float, Format] | None = None
    for item in accept.split(","):
        chosen = _acceptable(item)
        weight = quality(item.partition(";")[2])
        if chosen is not None and weight > 0 and (best is None or weight > best[0]):
            best = (weight, chosen)
    if best is None:
        raise NotAcceptable.of("format-not-offered", found=accept, expected=_OFFERED)
    return best[1]


def _acceptable(media_range: str) -> Format | None:
    media_type, parameters = _split(media_range)
    if media_type in {"*/*", "application/*", "*"}:
        return FORMATS[0]
    if parameters.get("fhirversion", "4.0") not in FHIR_VERSIONS:
        return None
    return _BY_NAME.get(media_type)


def media_type_of(content_type: str) -> str:
    """Return the media type of a ``Content-Type`` without its parameters, in lower case."""
    return _split(content_type)[0]


@lru_cache(maxsize=512)
def body_format(content_type: str | None) -> Format:
    """Return the format of a posted resource.

    Raises:
        UnsupportedMediaType: No resource comes in that media type, in another character set than
            UTF-8 or in another FHIR version.
    """
    if content_type is None:
        raise UnsupportedMediaType.of("content-type-missing", expected=_READ_TYPES)
    media_type, parameters = _split(content_type)
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType.of("charset-not-utf8", found=parameters["charset"])
    if parameters.get("fhirversion", "4.0") not in FHIR_VERSIONS:
        raise UnsupportedMediaType.of("fhir-version-other", found=parameters["fhirversion"])
    found = _BY_NAME.get(media_type) if "/" in media_type else None
    if found is None or found not in READ_FORMATS:
        raise UnsupportedMediaType.of("content-type-other", found=media_type, expected=_READ_TYPES)
    return found


def _split(value: str) -> tuple[str, dict[str, str]]:
    media_type, *rest = value.split(";")
    parameters = (part.partition("=") for part in rest)
    return media_type.strip().lower(), {
        name.strip().lower(): text.strip().strip('"') for name, _, text in parameters
    }


@lru_cache(maxsize=64)
def takes_gzip(accept_encoding: str | None) -> bool:
    """Say whether the client takes gzip: named without ``q=0``, or by ``*``."""
    for item in (accept_encoding or "").lower().split(","):
        name, _, parameters = item.partition(";")
        if name.strip() in {"gzip", "*"}:
            return quality(parameters) > 0
    return False
