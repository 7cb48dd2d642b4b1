"""Packages that an operator has installed: archives in one folder, loaded at every start.

Packages: https://hl7.org/fhir/R4/packages.html and
https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_server.definitions.archive import members
from fhir_server.definitions.errors import PackageRefused
from fhir_server.definitions.packages import CORE_NAME, CORE_VERSION
from fhir_server.definitions.version import version_key
from fhir_server.model import FhirError, decode_object

_DESCRIPTION = "package.json"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")
_VERSION = _NAME | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ+")
_RELEASE = CORE_VERSION.rpartition(".")[0]
_MADE_FOR_IT = frozenset({"hl7.fhir.r4.expansions", "hl7.fhir.r4.search", CORE_NAME})


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageInfo:
    """What a package says of itself.

    Attributes:
        name: Such as ``hl7.fhir.us.core``.
        version: Business version.
        path: The archive.
        canonical: Base of its canonical URLs.
        fhir_versions: The releases it is made for.
        dependencies: Name -> version of what it rests on.
    """

    name: str
    version: str
    path: Path
    canonical: str | None
    fhir_versions: tuple[str, ...]
    dependencies: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """The same for programs, without the place of the file."""
        return {
            "name": self.name,
            "version": self.version,
            "canonical": self.canonical,
            "fhirVersions": list(self.fhir_versions),
            "dependencies": dict(self.dependencies),
        }


def describe(path: Path) -> PackageInfo:
    """Read the whole archive and return what it says of itself.

    Raises:
        PackageRefused: It is no package, or a hostile archive.
        OSError: It cannot be read.
    """
    found: bytes | None = None
    for file, content in members(path):
        if file == _DESCRIPTION:
            found = content
    if found is None:
        raise PackageRefused.of("package-without-description", place=path)
    try:
        said = decode_object(found)
    except FhirError as refusal:
        raise PackageRefused(refusal.issues) from refusal
    name, version = said.get("name"), said.get("version")
    canonical = said.get("canonical")
    if not _is_plain(name, _NAME) or not _is_plain(version, _VERSION):
        raise PackageRefused.of("package-without-description", place=path)
    versions = said.get("fhirVersions") or said.get("fhir-version-list") or []
    dependencies = said.get("dependencies") or {}
    return PackageInfo(
        name=str(name),
        version=str(version),
        path=path,
        canonical=canonical if isinstance(canonical, str) else None,
        fhir_versions=tuple(map(str, versions)) if isinstance(versions, list) else (),
        dependencies=dependencies if isinstance(dependencies, dict) else {},
    )


def _is_plain(text: object, letters: frozenset[str]) -> bool:
    """Say whether a text may become part of a file name."""
    return isinstance(text, str) and bool(text) and text[0] != "." and letters.issuperset(text)


def installed(folder: Path) -> tuple[PackageInfo, ...]:
    """Return the packages in a folder, each after those it depends on.

    Raises:
        PackageRefused: One of them is none.
    """
    if not folder.is_dir():
        return ()
    waiting = {info.name: info for info in map(describe, sorted(folder.glob("*.tgz")))}
    ordered: dict[str, PackageInfo] = {}

    def add(info: PackageInfo) -> None:
        del waiting[info.name]
        for name in info.dependencies:
            if name in waiting:
                add(waiting[name])
        ordered[info.name] = info

    while waiting:
        add(next(iter(waiting.values())))
    return tuple(ordered.values())


def install(path: Path, folder: Path) -> PackageInfo:
    """Put a package into the folder; another version of it is replaced.

    Whether its definitions compile is for the caller to try first.

    Raises:
        PackageRefused: It is no package, is made for another release, or something it depends on is
            not here; all findings.
    """
    info = describe(path)
    here = installed(folder)
    problems = [*_wrong_release(info), *_missing(info, here)]
    if problems:
        raise PackageRefused(found for refusal in problems for found in refusal.issues)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{info.name}#{info.version}.tgz"
    part = target.with_suffix(".part")
    part.write_bytes(path.read_bytes())
    os.replace(part, target)
    for other in here:
        if other.name == info.name and other.path != target:
            other.path.unlink()
    return info


def remove(name: str, folder: Path) -> PackageInfo:
    """Take a package out of the folder.

    Raises:
        PackageRefused: There is none of that name, or another one depends on it.
    """
    here = installed(folder)
    found = next((info for info in here if info.name == name), None)
    if found is None:
        known = ", ".join(info.name for info in here) or "–"
        raise PackageRefused.of("package-not-installed", found=name, expected=known)
    needed_by = [info.name for info in here if name in info.dependencies]
    if needed_by:
        raise PackageRefused.of("package-needed", found=name, expected=", ".join(needed_by))
    found.path.unlink()
    return found


def _wrong_release(info: PackageInfo) -> Iterator[PackageRefused]:
    versions = info.fhir_versions
    if versions and not any(version.startswith(f"{_RELEASE}.") for version in versions):
        yield PackageRefused.of(
            "package-of-other-release", found=", ".join(versions), expected=CORE_VERSION
        )


def _missing(info: PackageInfo, here: Sequence[PackageInfo]) -> Iterator[PackageRefused]:
    known = {other.name: other.version for other in here}
    for name, wanted in info.dependencies.items():
        if name in _MADE_FOR_IT:
            continue
        if name not in known:
            yield PackageRefused.of("package-dependency-missing", found=f"{name}#{wanted}")
        elif not _suffices(known[name], str(wanted)):
            yield PackageRefused.of(
                "package-dependency-older", found=f"{name}#{known[name]}", expected=wanted
            )


def _suffices(version: str, wanted: str) -> bool:
    """Say whether a version is the wanted one or a later one; ``1.2.x`` and the like take any."""
    if any(part in {"x", "*", "latest", "current", "dev"} for part in wanted.split(".")):
        return True
    return version_key(version) >= version_key(wanted)
