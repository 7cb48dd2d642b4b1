"""`profile pack`: a package that can be installed, byte by byte the same each time."""

import io
import json
import tarfile

from fhir_server.authoring import Publication, Workspace, pack, read_document
from fhir_server.definitions import load_registry, read_manifest
from tests.support.workspace import BASE


def packed(core, workspace: Workspace) -> tuple[str, bytes]:
    documents = [read_document(path) for path in workspace.files()]
    publication = Publication(
        manifest=read_manifest(workspace.root / "profiles"),
        documents=documents,
        dependencies={"test.other": "1.0.0"},
    )
    registry = core.with_resources([d.resource for d in documents])
    return publication.file_name, pack(publication, registry)


def test_the_package_says_what_it_is_and_lists_what_it_has(core, workspace):
    name, content = packed(core, workspace)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = {m.name: json.load(archive.extractfile(m)) for m in archive.getmembers()}

    assert name == "test.profiles#0.1.0.tgz"
    assert list(files)[:2] == ["package/package.json", "package/.index.json"]
    description = files["package/package.json"]
    assert description["fhirVersions"] == ["4.0.1"]
    assert description["dependencies"] == {"hl7.fhir.r4.core": "4.0.1", "test.other": "1.0.0"}
    assert description["canonical"] == BASE
    assert [entry["filename"] for entry in files["package/.index.json"]["files"]] == [
        "StructureDefinition-Named.json", "ValueSet-colours.json",
    ]  # fmt: skip
    structure = files["package/StructureDefinition-Named.json"]
    assert structure["snapshot"]["element"][0]["id"] == "Patient"
    assert structure["differential"]["element"][1]["min"] == 1


def test_the_same_files_make_the_same_bytes(core, workspace):
    first = packed(core, workspace)
    for path in workspace.files():
        path.touch()

    assert packed(core, workspace) == first


def test_the_package_can_be_loaded_on_top_of_the_release(core, workspace, tmp_path):
    name, content = packed(core, workspace)
    path = tmp_path / name
    path.write_bytes(content)

    registry = load_registry(national=False, installed=[path], cache=tmp_path / "cache")

    assert registry.structure(f"{BASE}/StructureDefinition/Named") is not None
    assert registry.profiles_for("Patient") == ()
