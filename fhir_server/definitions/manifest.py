"""Manifests: which files of a folder are definitions, where they come from, under which licence.

Checked with JSON Schema: https://json-schema.org/draft/2020-12
"""

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

from fhir_server.definitions.errors import DefinitionErrors
from fhir_server.model import JsonObject, decode_object, decode_stored, issue

MANIFEST = "manifest.json"


def read_manifest(folder: Path) -> JsonObject:
    """Read and check the manifest of a folder.

    Raises:
        InvalidRequest: It is no JSON.
        DefinitionErrors: It is not what the schema says; all findings together.
    """
    import jsonschema  # 150 ms, and only a compilation needs it

    manifest = decode_object((folder / MANIFEST).read_bytes())
    schema = decode_stored(
        resources.files("fhir_server.definitions").joinpath("manifest.schema.json").read_bytes()
    )
    checker = jsonschema.Draft202012Validator(schema)
    found = [
        issue(
            "manifest-invalid",
            pointer="".join(f"/{step}" for step in error.absolute_path),
            place=folder / MANIFEST,
            found=error.message,
        )
        for error in checker.iter_errors(manifest)
    ]
    if found:
        raise DefinitionErrors(found)
    return manifest


def listed_files(folder: Path) -> tuple[Path, ...]:
    """Return the files that the manifest of a folder lists, in the order of their names.

    Raises:
        InvalidRequest: The manifest is no JSON.
        DefinitionErrors: The manifest is wrong, or one of its globs matches nothing.
    """
    files: set[Path] = set()
    missing = []
    for glob in read_manifest(folder)["files"]:
        matches = [path for path in folder.glob(glob) if path.name != MANIFEST]
        if not matches:
            missing.append(issue("manifest-glob-empty", place=folder / MANIFEST, found=glob))
        files.update(matches)
    if missing:
        raise DefinitionErrors(missing)
    return tuple(sorted(files))


def demands_of(manifests: Iterable[Path]) -> Mapping[str, tuple[str, ...]]:
    """Return resource type -> profiles that are demanded of it, by the manifests together.

    They were checked when their package was compiled.
    """
    found: dict[str, tuple[str, ...]] = {}
    for path in manifests:
        for resource_type, profiles in decode_stored(path.read_bytes()).get("demands", {}).items():
            known = found.get(resource_type, ())
            found[resource_type] = tuple(dict.fromkeys((*known, *profiles)))
    return found
