"""Installed packages: what is taken, in which order it is loaded, what is refused."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions import (
    PackageRefused,
    install,
    installed,
    load_registry,
    packed,
    remove,
)
from fhir_server.definitions import archive as archives

PROFILE = {
    "resourceType": "StructureDefinition",
    "url": "http://example.org/StructureDefinition/one",
    "name": "One",
    "status": "draft",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
}


def package(folder: Path, name: str = "a.b", version: str = "1.0.0", **more: Any) -> Path:
    said = {"name": name, "version": version, "fhirVersions": ["4.0.1"], **more}
    path = folder / f"{name}-{version}.tgz"
    files = [
        ("package.json", json.dumps(said).encode()),
        ("one.json", json.dumps(PROFILE).encode()),
    ]
    path.write_bytes(packed(files))
    return path


def archive_of(folder: Path, *members: tarfile.TarInfo) -> Path:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b" " * member.size) if member.size else None)
    path = folder / "hostile.tgz"
    path.write_bytes(gzip.compress(plain.getvalue()))
    return path


def member(name: str, **more: Any) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(found, key, value)
    return found


def refused(path: Path, folder: Path) -> list[str]:
    with pytest.raises(PackageRefused) as refusal:
        install(path, folder)
    assert not list(folder.glob("*.tgz"))
    return [issue.rule for issue in refusal.value.issues]


def test_an_installed_package_is_loaded_after_what_it_depends_on(tmp_path):
    folder = tmp_path / "packages"
    for path in (
        package(tmp_path, "z.base"),
        package(tmp_path, "m.middle", dependencies={"z.base": "1.0.0"}),
        package(tmp_path, "a.top", dependencies={"m.middle": "1.0.x", "hl7.fhir.r4.core": "4.0.1"}),
    ):
        install(path, folder)

    assert [info.name for info in installed(folder)] == ["z.base", "m.middle", "a.top"]


def test_another_version_takes_the_place_of_the_first(tmp_path):
    folder = tmp_path / "packages"
    install(package(tmp_path), folder)
    install(package(tmp_path, version="1.1.0"), folder)

    assert [(info.name, info.version) for info in installed(folder)] == [("a.b", "1.1.0")]


def test_definitions_of_an_installed_package_are_here_but_not_national(tmp_path):
    path = package(tmp_path)
    registry = load_registry(installed=[path], cache=tmp_path / "cache")

    assert registry.structure(PROFILE["url"]) is not None
    assert PROFILE["url"] not in registry.profiles_for("Patient")


def test_a_package_that_another_needs_stays(tmp_path):
    folder = tmp_path / "packages"
    install(package(tmp_path, "z.base"), folder)
    install(package(tmp_path, "a.top", dependencies={"z.base": "1.0.0"}), folder)

    with pytest.raises(PackageRefused) as refusal:
        remove("z.base", folder)
    assert [i.rule for i in refusal.value.issues] == ["package-needed"]
    remove("a.top", folder)
    remove("z.base", folder)
    assert installed(folder) == ()
    with pytest.raises(PackageRefused) as refusal:
        remove("z.base", folder)
    assert [i.rule for i in refusal.value.issues] == ["package-not-installed"]


def test_everything_that_is_missing_is_told_at_once(tmp_path):
    folder = tmp_path / "packages"
    needs = {"x.y": "1.0.0", "z.z": "2"}
    path = package(tmp_path, fhirVersions=["5.0.0"], dependencies=needs)

    assert refused(path, folder) == [
        "package-of-other-release", "package-dependency-missing", "package-dependency-missing",
    ]  # fmt: skip


def test_an_older_dependency_does_not_do(tmp_path):
    folder = tmp_path / "packages"
    install(package(tmp_path, "z.base"), folder)
    with pytest.raises(PackageRefused) as refusal:
        install(package(tmp_path, "a.top", dependencies={"z.base": "1.2.0"}), folder)

    assert [i.rule for i in refusal.value.issues] == ["package-dependency-older"]


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside.json", size=2),
        member("package/../../outside.json", size=2),
        member("/etc/outside.json", size=2),
        member("package\\outside.json", size=2),
        member("package/a.json", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("package/a.json", type=tarfile.LNKTYPE, linkname="package/b.json"),
        member("package/pipe", type=tarfile.FIFOTYPE),
        member("package/device", type=tarfile.CHRTYPE),
    ],
    ids=lambda m: f"{m.name} {m.type!r}",
)
def test_a_hostile_archive_is_refused_as_a_whole(tmp_path, hostile):
    path = archive_of(tmp_path, member("package/package.json", size=2), hostile)

    assert refused(path, tmp_path / "packages") == ["package-hostile"]


def test_too_much_content_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 1000)
    bomb = archive_of(tmp_path, member("package/a.json", size=100_000))

    assert refused(bomb, tmp_path / "packages") == ["package-hostile"]


def test_too_much_content_in_all_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    many = archive_of(tmp_path, *(member(f"package/{n}.json", size=300) for n in range(5)))

    assert refused(many, tmp_path / "packages") == ["package-hostile"]


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILES", 3)
    many = archive_of(tmp_path, *(member(f"package/{n}.json") for n in range(5)))

    assert refused(many, tmp_path / "packages") == ["package-hostile"]


@pytest.mark.parametrize("name", ["../a", "A B", "", 7, ".a"])
def test_a_name_that_could_lead_elsewhere_is_none(tmp_path, name):
    said = json.dumps({"name": name, "version": "1.0.0"}).encode()
    path = tmp_path / "p.tgz"
    path.write_bytes(packed([("package.json", said)]))

    assert refused(path, tmp_path / "packages") == ["package-without-description"]


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_what_is_no_archive_is_refused(tmp_path, cut):
    path = tmp_path / "p.tgz"
    path.write_bytes(package(tmp_path).read_bytes()[:cut])

    assert refused(path, tmp_path / "packages") == ["package-unreadable"]
