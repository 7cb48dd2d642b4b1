"""Resources out of files: JSON and XML files, NDJSON files line by line, folders with them."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fhir_server.model import (
    DEFAULT_LIMITS,
    JsonLimits,
    JsonObject,
    JsonText,
    PostedText,
    decode_object,
)

if TYPE_CHECKING:
    from fhir_server.xml import XmlCodec

_SUFFIXES = frozenset({".json", ".ndjson", ".xml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The text of one resource and what to call it (``patients.ndjson:12``).

    Attributes:
        name: For people.
        text: JSON or XML.
        path: The file it is from; None: stdin.
        line: Its line in an NDJSON file; None: it is the whole file.
    """

    name: str
    text: str
    path: Path | None = None
    line: int | None = None

    @property
    def is_xml(self) -> bool:
        """Whether it is XML rather than JSON, by its first character; the suffix may be any."""
        return self.text.lstrip("\ufeff \t\r\n").startswith("<")

    def decode(self, xml: "XmlCodec", limits: JsonLimits = DEFAULT_LIMITS) -> JsonObject:
        """Return the resource.

        Raises:
            TooLarge: It is over the limits.
            InvalidRequest: It is no JSON object, or no FHIR XML.
        """
        body = self.text.encode()
        return xml.decode(body, limits) if self.is_xml else decode_object(body, limits)

    def posted(self, xml: "XmlCodec") -> PostedText:
        """Return what knows where the values of a text stand that was decoded without error."""
        return xml.posted(self.text.encode()) if self.is_xml else JsonText(self.text)


def read_sources(paths: Iterable[Path]) -> Iterator[Source]:
    """Yield every resource of ``paths``, folders in alphabetical order, one at a time.

    Raises:
        click.UsageError: A file cannot be read as UTF-8.
    """
    for path in source_files(paths):
        yield from read_file(path)


def read_stdin() -> Iterator[Source]:
    """Yield the resource of stdin, or those of NDJSON: an object a line, more than one line.

    Raises:
        click.UsageError: It cannot be read as UTF-8.
    """
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"stdin cannot be read as UTF-8: {error}") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    filled = [(number, line) for number, line in lines if line]
    if len(filled) > 1 and all(line[0] == "{" and line[-1] == "}" for _, line in filled):
        for number, line in filled:
            yield Source(name=f"stdin:{number}", text=line, line=number)
    else:
        yield Source(name="stdin", text=text)


def found_paths(names: Iterable[str]) -> list[Path]:
    """Return the files and folders that names and globs stand for.

    Raises:
        click.UsageError: A name leads to nothing.
    """
    paths: list[Path] = []
    for name in names:
        if Path(name).exists():
            paths.append(Path(name))
            continue
        matches = sorted(glob(name, recursive=True))
        if not matches:
            raise click.UsageError(f"no such file or folder: {name}")
        paths += (Path(match) for match in matches)
    return paths


def read_file(path: Path) -> Iterator[Source]:
    """Yield every resource of one file.

    Raises:
        click.UsageError: It cannot be read as UTF-8.
    """
    try:
        if path.suffix == ".ndjson":
            with path.open(encoding="utf-8", newline="\n") as lines:
                yield from _lines(path, lines)
        else:
            yield Source(name=str(path), text=path.read_bytes().decode(), path=path)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} cannot be read as UTF-8: {error}") from error


def source_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the JSON, NDJSON and XML files of ``paths``; one named itself may have any suffix."""
    for path in paths:
        if path.is_dir():
            files = (f for f in path.rglob("*") if f.suffix in _SUFFIXES and f.is_file())
            yield from sorted(files)
        else:
            yield path


def _lines(path: Path, lines: Iterable[str]) -> Iterator[Source]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield Source(name=f"{path}:{number}", text=line.rstrip("\r\n"), path=path, line=number)
