"""FHIR XML as one object: bytes to JSON resources and back, and where their values stand.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from collections.abc import Iterable, Mapping

from fhir_server.definitions import TypeTable
from fhir_server.model import DEFAULT_LIMITS, JsonLimits, JsonObject, Position
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

    def posted(self, body: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> "XmlText":
        """Return what knows where the values of a text stand that was decoded without error."""
        return XmlText(self._vocabulary, body, limits)


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
