"""Compiling packages once, and opening them from the cache after that."""

import json
import shutil
from pathlib import Path

import pytest

from fhir_server.definitions import DefinitionErrors, compiler, load_registry
from tests.support.profiles import profile


@pytest.fixture(scope="session")
def compiled_core(tmp_path_factory):
    cache = tmp_path_factory.mktemp("core")
    load(cache)
    return cache


@pytest.fixture
def cache(tmp_path, compiled_core):
    """A cache that has the core package already."""
    return Path(shutil.copytree(compiled_core, tmp_path / "cache"))


@pytest.fixture
def package(tmp_path):
    """A package of one profile that derives from another one, demanded of patients."""
    folder = tmp_path / "package-x"
    folder.mkdir()
    manifest = {
        "name": "x",
        "version": "1",
        "source": "here",
        "licence": "CC0-1.0",
        "files": ["*.json"],
        "demands": {"Patient": ["urn:b"]},
    }
    definitions = {
        "manifest": manifest,
        "b": profile("urn:b", "Patient", baseDefinition="urn:a"),
        "a": profile("urn:a", "Patient", {"path": "Patient.name", "min": 1}),
        "cs": {"resourceType": "CodeSystem", "url": "urn:cs", "content": "complete"},
    }
    for name, definition in definitions.items():
        (folder / f"{name}.json").write_text(json.dumps(definition))
    return folder


def load(cache, *extra, progress=None):
    return load_registry(extra=extra, cache=cache, national=False, progress=progress)


def test_profiles_of_a_package_get_snapshots_in_whatever_order_they_lie(cache, package):
    registry = load(cache, package)

    (name,) = [c for c in registry.structure("urn:b").root.children if c.name == "name"]
    assert name.min == 1
    assert registry.profiles_for("Patient") == ("urn:a", "urn:b")
    assert registry.demanded_profiles("Patient") == ("urn:b",)
    assert registry.demanded_profiles("Observation") == ()
    assert registry.code_system("urn:cs") is not None


def test_a_second_load_compiles_nothing(tmp_path, package):
    told = []

    def progress(*step):
        told.append(step)

    load(tmp_path / "cache", package, progress=progress)
    assert told[-2:] == [("hl7.fhir.r4.core", 4578, 4578), ("package-x", 3, 3)]
    told.clear()

    load(tmp_path / "cache", package, progress=progress)

    assert told == []


def test_a_changed_file_is_compiled_again(cache, package):
    load(cache, package)
    changed = profile("urn:a", "Patient", {"path": "Patient.name", "min": 0, "max": "3"})
    (package / "a.json").write_text(json.dumps(changed))

    registry = load(cache, package)

    (name,) = [c for c in registry.structure("urn:b").root.children if c.name == "name"]
    assert (name.min, name.max) == (0, 3)


def test_a_broken_cache_is_made_again(cache, package):
    load(cache, package)
    for file in cache.glob("*.defs"):
        file.write_bytes(file.read_bytes()[:-1] + b"?")

    registry = load(cache, package)

    assert registry.type_structure("Patient") is not None
    assert registry.structure("urn:b") is not None


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path, package):
    file = tmp_path / "no-folder"
    file.write_text("a file where the folder should be")

    registry = load(file / "cache", package)

    assert registry.structure("urn:b") is not None


def test_only_the_latest_compilations_are_kept(cache, package):
    for at in range(compiler._KEPT_VERSIONS + 3):
        (package / "cs.json").write_text(
            json.dumps({"resourceType": "CodeSystem", "url": "urn:cs", "name": f"n{at}"})
        )
        registry = load(cache, package)

    assert len(list(cache.glob("package-x-*.defs"))) == compiler._KEPT_VERSIONS
    assert registry.code_system("urn:cs")["name"] == "n6"


def test_all_broken_files_are_reported_together(cache, package):
    (package / "a.json").write_text('{"resourceType": "StructureDefinition",}')
    (package / "b.json").write_text('{"resourceType": "StructureDefinition", "url": "urn:b"}')
    (package / "cs.json").write_text("{}")

    with pytest.raises(DefinitionErrors) as caught:
        load(cache, package)

    found = [(i.rule, i.source.rpartition("/")[2], i.line) for i in caught.value.issues]
    assert found == [
        ("json-syntax", "a.json", 1),
        ("definition-incomplete", "b.json", None),
        ("definition-incomplete", "b.json", None),
        ("definition-incomplete", "cs.json", None),
    ]


def test_all_profiles_that_cannot_be_compiled_are_reported_together(cache, package):
    for name in ("a", "b"):
        wrong = profile(f"urn:{name}", "Patient", {"path": f"Patient.{name}{name}"})
        (package / f"{name}.json").write_text(json.dumps(wrong))

    with pytest.raises(DefinitionErrors) as caught:
        load(cache, package)

    assert {(i.rule, i.source, i.expression) for i in caught.value.issues} == {
        ("snapshot-element-unknown", "urn:a", "Patient.aa"),
        ("snapshot-element-unknown", "urn:b", "Patient.bb"),
    }


def test_the_national_package_compiles(cache):
    registry = load_registry(cache=cache)

    assert registry.profiles_for("Patient")
    for entry in registry.listing("StructureDefinition"):
        if entry.is_generated:
            assert registry.structure(entry.url) is not None
