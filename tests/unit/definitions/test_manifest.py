"""Manifests say which files are definitions."""

import json

import pytest

from fhir_server.definitions import DefinitionErrors
from fhir_server.definitions.manifest import demands_of, listed_files, read_manifest

GOOD = {
    "name": "x.y",
    "version": "1",
    "source": "written here",
    "licence": "CC0-1.0",
    "files": ["*.json", "deep/**/*.json"],
}


def write(folder, manifest):
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_globs_find_the_files_but_never_the_manifest(tmp_path):
    write(tmp_path, GOOD)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.json", "a.json", "deep/er/c.json", "readme.txt"):
        (tmp_path / name).write_text("{}")

    found = [str(path.relative_to(tmp_path)) for path in listed_files(tmp_path)]

    assert found == ["a.json", "b.json", "deep/er/c.json"]


def test_every_mistake_is_reported_with_its_place(tmp_path):
    write(tmp_path, {**GOOD, "licence": "", "files": ["/etc/x.json"], "extra": 1})

    with pytest.raises(DefinitionErrors) as caught:
        read_manifest(tmp_path)

    assert {found.rule for found in caught.value.issues} == {"manifest-invalid"}
    assert {found.pointer for found in caught.value.issues} == {"", "/licence", "/files/0"}


def test_a_glob_without_files_is_a_mistake(tmp_path):
    write(tmp_path, GOOD)
    (tmp_path / "a.json").write_text("{}")

    with pytest.raises(DefinitionErrors) as caught:
        listed_files(tmp_path)

    assert [found.rule for found in caught.value.issues] == ["manifest-glob-empty"]
    assert "deep/**/*.json" in caught.value.issues[0].text.uk


def test_demands_of_several_manifests_are_joined(tmp_path):
    for name, demands in (("a", {"Patient": ["urn:p"]}), ("b", {"Patient": ["urn:p", "urn:q"]})):
        (tmp_path / name).mkdir()
        write(tmp_path / name, {**GOOD, "demands": demands})

    found = demands_of(tmp_path / name / "manifest.json" for name in ("a", "b"))

    assert found == {"Patient": ("urn:p", "urn:q")}
