"""How bodies of each format are read and written; inside, a resource is its JSON.

Spec: https://hl7.org/fhir/R4/formats.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.definitions import TypeTable
from fhir_server.model import (
    JsonLimits,
    JsonObject,
    JsonText,
    PostedText,
    decode_object,
    decode_stored,
    encode,
    encode_pretty,
)
from fhir_server.xml import XmlCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """Reader and writer of one format.

    Attributes:
        decode: Bytes to a resource, and to what knows where its values stand.
        encode: A resource, or the exact JSON bytes of one, to bytes.
        encode_pretty: The same for people.
        thread_from_bytes: Bodies from this length on are read on a worker thread, and every answer
            is written on one; None: it never takes long enough.
        from_stored: Makes the answer of stored bytes without reading them; None: it cannot.
    """

    decode: Callable[[bytes, JsonLimits], tuple[JsonObject, PostedText]]
    encode: Callable[[Any], bytes]
    encode_pretty: Callable[[Any], bytes]
    thread_from_bytes: int | None = None
    from_stored: Callable[[bytes], bytes] | None = None


def _decode_json(body: bytes, limits: JsonLimits) -> tuple[JsonObject, PostedText]:
    return decode_object(body, limits), JsonText(body)


def _as_it_is(body: bytes) -> bytes:
    return body


def _lines(body: Any) -> bytes:
    """Write each resource of a Bundle that the server made on a line of its own."""
    if body.get("resourceType") != "Bundle":
        return encode(body) + b"\n"
    resources = (entry["resource"] for entry in body.get("entry", ()) if "resource" in entry)
    return b"".join(encode(resource) + b"\n" for resource in resources)


JSON_CODEC = Codec(
    decode=_decode_json, encode=encode, encode_pretty=encode_pretty, from_stored=_as_it_is
)
NDJSON_CODEC = Codec(
    decode=_decode_json,
    encode=_lines,
    encode_pretty=_lines,
    from_stored=lambda body: body + b"\n",
)


def codecs(types: TypeTable) -> Mapping[str, Codec]:
    """Return the codec of each format by its short name."""
    xml = XmlCodec(types)

    def decode(body: bytes, limits: JsonLimits) -> tuple[JsonObject, PostedText]:
        return xml.decode(body, limits), xml.posted(body, limits)

    return {
        "json": JSON_CODEC,
        "ndjson": NDJSON_CODEC,
        "xml": Codec(
            decode=decode,
            encode=lambda body: xml.encode(_plain(body)),
            encode_pretty=lambda body: xml.encode_pretty(_plain(body)),
            thread_from_bytes=32_768,  # 2.5 ms
        ),
    }


def _plain(body: Any) -> JsonObject:
    """Return a resource all of plain values: Bundles carry stored bytes inside."""
    return decode_stored(body if isinstance(body, bytes) else encode(body))
