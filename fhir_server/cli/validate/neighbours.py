"""Targets of references among the files that are validated together.

Spec: https://hl7.org/fhir/R4/references.html#literal
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from fhir_server.model import FhirError, JsonObject, decode_object
from fhir_server.validation import local_name
from fhir_server.xml import XmlCodec


class _Place(NamedTuple):
    """Where the text of a resource lies; without length it is the whole file."""

    path: Path
    offset: int
    length: int | None


class Neighbours:
    """The resources of some files by ``Type/id``.

    Nothing is read before a profile asks about a target: then every file is, once, and only the
    places are kept. Of several resources with one name the first counts.

    Args:
        files: Lists them; asked when the first target is looked for.
        xml: Reads those in XML.
    """

    def __init__(self, files: Callable[[], Iterable[Path]], xml: XmlCodec) -> None:
        self._files = files
        self._xml = xml
        self._places: dict[str, _Place] | None = None

    def find(self, name: str) -> JsonObject | None:
        """Return a resource; None: no file has it, or not any more."""
        if self._places is None:
            self._places = self._index()
        place = self._places.get(name)
        if place is None:
            return None
        try:
            with place.path.open("rb") as file:
                file.seek(place.offset)
                text = file.read() if place.length is None else file.read(place.length)
        except OSError:
            return None
        found = self._decoded(text)
        return found if found is not None and _name(found) == name else None

    def _index(self) -> dict[str, _Place]:
        places: dict[str, _Place] = {}
        for path in self._files():
            for place, text in _texts(path):
                resource = self._decoded(text)
                if resource is not None:
                    places.setdefault(_name(resource), place)
        return places

    def _decoded(self, text: bytes) -> JsonObject | None:
        """Return the resource; what cannot be read is told where it is validated itself."""
        try:
            if text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
                return self._xml.decode(text)
            return decode_object(text)
        except FhirError:
            return None


class NeighbourTargets:
    """Gives the targets of one resource's references (the validator's resolver)."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._found: dict[str, JsonObject | None] = {}

    def resolve(self, reference: str) -> JsonObject | None:
        """Return the resource that a relative reference leads to."""
        name = local_name(reference)
        if name is None:
            return None
        if name not in self._found:
            self._found[name] = self._neighbours.find(name)
        return self._found[name]

    def is_deleted(self, _reference: str) -> bool:
        """Say that files know of no deletions."""
        return False


def _texts(path: Path) -> Iterator[tuple[_Place, bytes]]:
    try:
        with path.open("rb") as file:
            if path.suffix != ".ndjson":
                yield _Place(path, 0, None), file.read()
                return
            offset = 0
            for line in file:
                if line.strip():
                    yield _Place(path, offset, len(line)), line
                offset += len(line)
    except OSError:
        return


def _name(resource: JsonObject) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"
