"""Archives of packages, read so that a hostile one does no harm.

Only regular files of the folder ``package`` are of interest; nothing is ever unpacked to disk. What
a package has no use for (links, devices, ways out of the archive) or what is far beyond any real
package (R4 core: 4,600 files, 110 MB) refuses the archive as a whole.

Packages: https://hl7.org/fhir/R4/packages.html
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from fhir_server.definitions.errors import PackageRefused

MAX_FILES = 60_000
MAX_FILE_BYTES = 100_000_000
MAX_BYTES = 1_000_000_000
FOLDER = "package"
_MTIME = 499_162_500  # 1985-10-26, what npm writes: any constant will do


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file right in the folder ``package``, from front to back.

    Raises:
        PackageRefused: It is no archive, or a hostile one.
        OSError: It cannot be read.
    """
    try:
        with tarfile.open(path, "r|gz") as archive:
            yield from _sound(archive, path)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise PackageRefused.of("package-unreadable", place=path, reason=error) from error


def _sound(archive: tarfile.TarFile, path: Path) -> Iterator[tuple[str, bytes]]:
    total = 0
    for count, member in enumerate(archive, start=1):
        total += member.size
        reason = _fault(member, count, total)
        if reason is not None:
            raise PackageRefused.of("package-hostile", place=path, found=member.name, reason=reason)
        folder, _, name = member.name.removeprefix("./").rpartition("/")
        file = archive.extractfile(member) if member.isreg() and folder == FOLDER else None
        if file is not None:
            yield name, file.read()


def _fault(member: tarfile.TarInfo, count: int, total: int) -> str | None:
    way = PurePosixPath(member.name)
    if way.is_absolute() or ".." in way.parts or "\\" in member.name or "\0" in member.name:
        return "path"
    if not (member.isreg() or member.isdir()):
        return "link"
    if member.size > MAX_FILE_BYTES or total > MAX_BYTES:
        return "size"
    return "count" if count > MAX_FILES else None


def packed(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return an archive of these files below ``package``: the same bytes for the same files."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files:
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(content)
            member.mtime = _MTIME
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), compresslevel=9, mtime=0)
