"""Shelves of definitions: a compiled package on disk, or resources held in memory.

A compiled package is one file: a header, an index of entries, and one JSON text per definition that
is decoded when somebody asks for it. The file is mapped into memory, so that workers share it.
"""

import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from fhir_server.definitions.elements import Structure
from fhir_server.model import JsonObject, decode_stored, encode

_MAGIC = b"FHIRDEFS"
_HEADER = struct.Struct("<8sI")  # magic, CRC of all that follows
_SIZES = struct.Struct("<QQ")  # index, type rows
_CHUNK = 1 << 20
_NO_ENTRIES: tuple["Entry", ...] = ()


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """What is known about a definition without decoding it.

    Attributes:
        kind: Resource type: ``StructureDefinition``, ``CodeSystem`` …
        url: Canonical URL; ``Kind/id`` for kinds that have none (NamingSystem).
        version: Business version.
        id: Logical id in its package.
        name: Computer-friendly name.
        status: ``draft``, ``active`` …
        at: Where its shelf keeps it.
        size: Bytes of its JSON text; 0 in memory.
        fhir_type: For structures: the type that is described or constrained.
        derivation: For structures: ``specialization`` or ``constraint``.
        is_generated: For structures: whether the snapshot was made here and not by its author.
        links: For structures: canonicals that its snapshot is made from; for search parameters:
            the base types.
    """

    kind: str
    url: str
    version: str | None = None
    id: str | None = None
    name: str | None = None
    status: str | None = None
    at: int = 0
    size: int = 0
    fhir_type: str | None = None
    derivation: str | None = None
    is_generated: bool = False
    links: tuple[str, ...] = ()


class Shelf(Protocol):
    """Definitions in the order they were given."""

    structures: dict[int, Structure]
    """Compiled structures by ``Entry.at``, filled by whoever compiles one."""

    @property
    def entries(self) -> Sequence[Entry]:
        """Every entry, in order."""

    def find(self, kind: str, url: str) -> tuple[Entry, ...]:
        """Return the entries of a canonical URL, all versions, in order."""

    def of_kind(self, kind: str) -> Iterable[Entry]:
        """Return the entries of a kind, in order."""

    def load(self, entry: Entry) -> JsonObject:
        """Return the definition of one of this shelf's entries."""

    def types(self) -> Mapping[str, msgspec.Raw]:
        """Return the rows of the type table that the package adds, by type or path."""


def entry_of(resource: JsonObject, *, at: int, size: int = 0, is_generated: bool = False) -> Entry:
    """Describe a definition."""
    kind = resource["resourceType"]
    is_structure = kind == "StructureDefinition"
    return Entry(
        kind=kind,
        url=resource.get("url") or f"{kind}/{resource.get('id')}",
        version=resource.get("version"),
        id=resource.get("id"),
        name=resource.get("name"),
        status=resource.get("status"),
        at=at,
        size=size,
        fhir_type=resource.get("type") if is_structure else None,
        derivation=resource.get("derivation") if is_structure else None,
        is_generated=is_generated,
        links=_links(resource, kind),
    )


def _links(resource: JsonObject, kind: str) -> tuple[str, ...]:
    if kind == "SearchParameter":
        return tuple(resource.get("base", ()))
    if kind != "StructureDefinition":
        return ()
    found = {resource["baseDefinition"]: None} if "baseDefinition" in resource else {}
    if resource.get("derivation") == "constraint":
        for element in resource.get("differential", {}).get("element", ()):
            for type_ref in element.get("type", ()):
                found.update(dict.fromkeys(type_ref.get("profile", ())))
    return tuple(url.partition("|")[0] for url in found)


class _Index:
    """Entries by kind and canonical URL."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.structures: dict[int, Structure] = {}
        self._by_kind: dict[str, dict[str, tuple[Entry, ...]]] = {}
        for entry in entries:
            urls = self._by_kind.setdefault(entry.kind, {})
            urls[entry.url] = (*urls.get(entry.url, _NO_ENTRIES), entry)

    def find(self, kind: str, url: str) -> tuple[Entry, ...]:
        urls = self._by_kind.get(kind)
        return _NO_ENTRIES if urls is None else urls.get(url, _NO_ENTRIES)

    def of_kind(self, kind: str) -> Iterator[Entry]:
        for entries in self._by_kind.get(kind, {}).values():
            yield from entries


class MemoryShelf(_Index):
    """Definitions that came in while the server runs."""

    def __init__(
        self,
        resources: Sequence[JsonObject] = (),
        *,
        generated: frozenset[int] = frozenset(),
        types: Mapping[str, msgspec.Raw] | None = None,
    ) -> None:
        self.resources = tuple(resources)
        self._types: Mapping[str, msgspec.Raw] = types or {}
        super().__init__(
            [
                entry_of(resource, at=at, is_generated=at in generated)
                for at, resource in enumerate(self.resources)
            ]
        )

    def load(self, entry: Entry) -> JsonObject:
        """Return the definition itself: not a copy, so it must not be changed."""
        return self.resources[entry.at]

    def types(self) -> Mapping[str, msgspec.Raw]:
        """Return the rows of the type table that were handed in."""
        return self._types


class BrokenShelf(Exception):
    """The file is not a compiled package, or not a whole one."""


class FileShelf(_Index):
    """A compiled package.

    Attributes:
        checksum: CRC of its content.
    """

    def __init__(self, path: Path) -> None:
        """Map the file.

        Raises:
            BrokenShelf: It is damaged or of another format.
            OSError: It cannot be read.
        """
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
            if len(head) < _HEADER.size or not head.startswith(_MAGIC):
                raise BrokenShelf(path)
            # Read in pieces, not through the map: 12 ms, and the pages do not count as ours.
            self.checksum = 0
            while piece := file.read(_CHUNK):
                self.checksum = zlib.crc32(piece, self.checksum)
            if self.checksum != _HEADER.unpack(head)[1]:
                raise BrokenShelf(path)
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        index_start = _HEADER.size + _SIZES.size
        index_size, types_size = _SIZES.unpack(self._map[_HEADER.size : index_start])
        index_end = index_start + index_size
        self._base = index_end + types_size
        self._types = self._map[index_end : self._base]
        super().__init__(_ENTRIES.decode(self._map[index_start:index_end]))

    def load(self, entry: Entry) -> JsonObject:
        """Decode the definition: a new value at each call, so whoever needs it often keeps it."""
        start = self._base + entry.at
        return decode_stored(self._map[start : start + entry.size])

    def types(self) -> Mapping[str, msgspec.Raw]:
        """Return the rows of the type table, each still encoded."""
        return _TYPES.decode(self._types)


_ENTRIES = msgspec.msgpack.Decoder(list[Entry])
_TYPES = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])


class ShelfWriter:
    """Collects the definitions of a package and writes them as one file."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._texts: list[bytes] = []
        self._size = 0

    def add(self, resource: JsonObject, *, is_generated: bool = False) -> None:
        """Take in a definition; ``is_generated``: its snapshot was made here."""
        text = encode(resource)
        self._entries.append(
            entry_of(resource, at=self._size, size=len(text), is_generated=is_generated)
        )
        self._texts.append(text)
        self._size += len(text)

    def write(self, path: Path, types: Mapping[str, msgspec.Struct]) -> None:
        """Write the file; nobody ever sees half of it.

        Args:
            path: The file; one that exists is replaced in one step.
            types: The rows of the type table.

        Raises:
            OSError: The folder cannot be written to.
        """
        index = msgspec.msgpack.encode(self._entries)
        rows = msgspec.msgpack.encode(types)
        pieces = (_SIZES.pack(len(index), len(rows)), index, rows, *self._texts)
        checksum = 0
        for piece in pieces:
            checksum = zlib.crc32(piece, checksum)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_HEADER.pack(_MAGIC, checksum))
                file.writelines(pieces)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
