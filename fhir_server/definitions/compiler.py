"""Compile a package once, keep it in the cache folder, and open it from there the next time.

A cached file is named by what it was made from: the package's content, the packages below it and
the source of this very compiler. One that is damaged is made again; where the folder cannot be
written to, a temporary file does.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from fhir_server.definitions.completion import check
from fhir_server.definitions.errors import DefinitionErrors, PackageMissing
from fhir_server.definitions.packages import ContentDigest, Package
from fhir_server.definitions.registry import Registry
from fhir_server.definitions.shelf import BrokenShelf, FileShelf, Shelf, ShelfWriter
from fhir_server.definitions.trim import trimmed
from fhir_server.definitions.type_table import TypeRow, type_rows
from fhir_server.model import (
    FhirError,
    Issue,
    JsonLimits,
    JsonObject,
    decode_object,
    decode_stored,
)

Progress = Callable[[str, int, int], None]
"""Called with the package, how many definitions are done, and how many there are."""

_STRUCTURE = "StructureDefinition"
_KEPT_VERSIONS = 4
_REPORT_EVERY = 50
_LIMITS = JsonLimits(max_bytes=100_000_000)


def compiled(
    package: Package,
    *,
    cache: Path,
    below: tuple[FileShelf, ...] = (),
    fhir_version: str,
    progress: Progress | None = None,
) -> FileShelf:
    """Open a package, compiling it first where the cache does not have it.

    Args:
        package: The package.
        cache: The cache folder; it is made when it is not there.
        below: The compiled packages that this one rests on, the core package first.
        fhir_version: The release.
        progress: Told how a compilation gets on.

    Raises:
        DefinitionErrors: Something in the package cannot be compiled; all findings together.
        PackageMissing: The content is not what the package's digest says.
    """
    path = cache / f"{package.name}-{_key(package, below)}.defs"
    try:
        return FileShelf(path)
    except (OSError, BrokenShelf):
        pass  # not there yet, damaged, or not to be read
    writer, rows = _compile(package, below, fhir_version, progress)
    try:
        writer.write(path, rows)
    except OSError:
        with tempfile.TemporaryDirectory() as folder:  # the map outlives the name of its file
            path = Path(folder) / "package.defs"
            writer.write(path, rows)
            return FileShelf(path)
    _prune(cache, package.name)
    return FileShelf(path)


def compiler_digest() -> str:
    """Return the version of the compiler: a hash of its source, so nobody forgets to count up."""
    found = hashlib.sha256()
    folder = Path(__file__).parent
    for file in sorted(folder.rglob("*.py")):
        found.update(file.read_bytes())
    return found.hexdigest()


def _key(package: Package, below: tuple[FileShelf, ...]) -> str:
    parts = (compiler_digest(), package.key(), *(str(shelf.checksum) for shelf in below))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _compile(
    package: Package, below: tuple[Shelf, ...], fhir_version: str, progress: Progress | None
) -> tuple[ShelfWriter, dict[str, TypeRow]]:
    """Structures are kept back to be completed; a pristine package is written as it is read."""
    writer = ShelfWriter()
    rows: dict[str, TypeRow] = {}
    waiting: list[JsonObject] = []
    for resource in _definitions(package, progress):
        if resource.get("resourceType") != _STRUCTURE:
            writer.add(resource)
        elif package.digest is None:
            waiting.append(resource)
        else:
            rows.update(type_rows((resource,)))
            writer.add(resource)
    if waiting:
        draft = Registry(below, fhir_version=fhir_version).with_resources(waiting)
        for entry, structure in draft.added():
            rows.update(type_rows((structure,)))
            writer.add(structure, is_generated=entry.is_generated)
    return writer, rows


def _definitions(package: Package, progress: Progress | None) -> Iterator[JsonObject]:
    digest = ContentDigest()
    total = package.count() if progress is not None else 0
    problems: list[Issue] = []
    for done, (name, text) in enumerate(package.files(), start=1):
        digest.add(name, text)
        if progress is not None and (done % _REPORT_EVERY == 0 or done == total):
            progress(package.name, done, total)
        if package.digest is not None:
            yield trimmed(decode_stored(text))
            continue
        try:
            definition = decode_object(text, _LIMITS)
            lacking = tuple(check(definition))
            if lacking:
                raise DefinitionErrors(lacking)
            yield trimmed(definition)
        except FhirError as error:
            problems.extend(replace(found, source=name) for found in error.issues)
    if problems:
        raise DefinitionErrors(problems)
    if package.digest is not None and digest.hexdigest() != package.digest:
        raise PackageMissing.of(
            "package-altered", name=package.name, place=package.place,
            found=digest.hexdigest(), expected=package.digest,
        )  # fmt: skip


def _prune(cache: Path, name: str) -> None:
    """Remove all but the latest compilations of a package."""
    files = sorted(cache.glob(f"{name}-*.defs"), key=lambda f: f.stat().st_mtime, reverse=True)
    for file in files[_KEPT_VERSIONS:]:
        file.unlink(missing_ok=True)
