"""FHIR XML as one object: bytes to JSON resources and back, and where their values stand.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fhir_server.definitions import TypeTable
from fhir_server.model import (
    DEFAULT_LIMITS,
    InvalidRequest,
    Issue,
    JsonLimits,
    JsonObject,
    Position,
    ValidationFailed,
)
from fhir_server.xml.patch import patched_document
from fhir_server.xml.reader import Reader
from fhir_server.xml.vocabulary import Vocabulary
from fhir_server.xml.writer import Writer


class XmlCodec:
    """Reads and writes resources of every type that the definitions have.

    Args:
        types: The types of the release.
    """

    def __init__(self, types: TypeTable) -> None:
        self._vocabulary = Vocabulary(types)

    def decode(self, body: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> JsonObject:
        """Return a posted resource as its JSON, decimals to the digit, narrative to the character.

        Elements that the definitions do not have and values that are none of their type stay in
        it, for the validator to judge as in JSON.

        Args:
            body: UTF-8, with or without XML declaration and byte order mark.
            limits: As of JSON; depth is that of the JSON that comes out.

        Raises:
            TooLarge: More bytes than ``max_bytes``.
            InvalidRequest: Not well-formed, a document type or entities, another namespace,
                elements out of order or more often than JSON can hold, unknown attributes, text.
        """
        return Reader(self._vocabulary, limits).read(body)

    def encode(self, resource: JsonObject) -> bytes:
        """Return a resource as XML in one line, elements in the order of the definitions."""
        return Writer(self._vocabulary).written(resource)

    def encode_pretty(self, resource: JsonObject) -> bytes:
        """Return a resource as XML for people; narrative stays as it is."""
        return Writer(self._vocabulary, "  ").written(resource)

    def patched(self, resource: JsonObject, patch: bytes) -> JsonObject:
        """Return what an XML Patch makes of a resource; the resource itself stays as it is.

        Spec: https://hl7.org/fhir/R4/http.html#patch

        Raises:
            InvalidRequest: The patch is malformed.
            TooCostly: It asks for too much.
            ValidationFailed: It does not fit the resource, or what it makes is no FHIR XML.
        """
        document = self.encode(resource)
        after = patched_document(document, patch, self._vocabulary)
        try:
            made = self.decode(after)
        except InvalidRequest as refusal:
            raise ValidationFailed(_without_places(refusal.issues)) from refusal
        before = self.decode(patched_document(document, b"<diff/>", self._vocabulary))
        return _with_narrative(made, before, resource)

    def posted(self, body: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> "XmlText":
        """Return what knows where the values of a text stand that was decoded without error."""
        return XmlText(self._vocabulary, body, limits)


def _without_places(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Forget line and column: nobody has seen the text that they are about."""
    return tuple(replace(found, line=None, column=None) for found in issues)


def _with_narrative(made: JsonObject, before: JsonObject, original: JsonObject) -> JsonObject:
    """Keep narratives as they were written, where the patch did not touch them."""
    if _div(made) is not None and _div(made) == _div(before):
        made["text"]["div"] = _div(original)
    pairs = zip(before.get("contained", ()), original.get("contained", ()), strict=True)
    by_id = {inner["id"]: (inner, outer) for inner, outer in pairs if "id" in inner}
    for contained in made.get("contained", ()):
        if contained.get("id") in by_id:
            _with_narrative(contained, *by_id[contained["id"]])
    return made


def _div(resource: JsonObject) -> Any:
    text = resource.get("text")
    return text.get("div") if isinstance(text, dict) else None


class XmlText:
    """XML that was decoded without error; a ``PostedText``.

    It is read once more when somebody asks for places: noting them each time would double the
    time of reading.
    """

    __slots__ = ("_body", "_limits", "_vocabulary")

    def __init__(self, vocabulary: Vocabulary, body: bytes, limits: JsonLimits) -> None:
        self._vocabulary = vocabulary
        self._body = body
        self._limits = limits

    def locate(self, pointers: Iterable[str]) -> Mapping[str, Position]:
        """Find the start tags of JSON Pointers; one that leads to nothing gets the nearest."""
        around = {pointer: _prefixes(pointer) for pointer in pointers}
        wanted = frozenset(prefix for prefixes in around.values() for prefix in prefixes)
        reader = Reader(self._vocabulary, self._limits, wanted)
        reader.read(self._body)
        places = reader.places
        return {
            pointer: next(places[prefix] for prefix in prefixes if prefix in places)
            for pointer, prefixes in around.items()
        }


def _prefixes(pointer: str) -> tuple[str, ...]:
    """The pointer itself, then each one around it, ending with ""."""
    steps = pointer.split("/")
    return tuple("/".join(steps[:count]) for count in range(len(steps), 0, -1))
