"""A workspace as a FHIR package that others install: snapshots filled in, the same bytes each time.

Packages: https://hl7.org/fhir/R4/packages.html and
https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fhir_server.authoring.workspace import Document
from fhir_server.definitions import Registry, packed, snapshot
from fhir_server.model import JsonObject, encode, encode_pretty

_INDEX_KEYS = ("url", "version", "kind", "type", "supplements", "content")
_STRUCTURE = "StructureDefinition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A package to be.

    Attributes:
        manifest: Of the folder ``profiles``, else of ``terminology``: name, version, licence …
        documents: The definitions.
        dependencies: Packages it rests on besides the release.
    """

    manifest: JsonObject
    documents: Sequence[Document]
    dependencies: dict[str, str]

    @property
    def file_name(self) -> str:
        """What the archive is called: ``ua.esoz.profiles#0.1.0.tgz``."""
        return f"{self.manifest['name']}#{self.manifest['version']}.tgz"


def pack(publication: Publication, registry: Registry) -> bytes:
    """Return the archive.

    Raises:
        DefinitionErrors: A snapshot cannot be made.
    """
    return packed(_files(publication, registry))


def _files(publication: Publication, registry: Registry) -> Iterator[tuple[str, bytes]]:
    resources = {
        f"{document.resource['resourceType']}-{document.resource['id']}.json": document.resource
        for document in publication.documents
    }
    yield "package.json", _pretty(_description(publication, registry.fhir_version))
    yield ".index.json", _pretty(_index(resources))
    for name in sorted(resources):
        yield name, encode(_complete(resources[name], registry))


def _complete(resource: JsonObject, registry: Registry) -> JsonObject:
    if resource["resourceType"] != _STRUCTURE or "snapshot" in resource:
        return resource
    made = snapshot(resource, registry)
    return {
        **{key: value for key, value in resource.items() if key != "differential"},
        "snapshot": made["snapshot"],
        "differential": resource["differential"],
    }


def _description(publication: Publication, fhir_version: str) -> JsonObject:
    manifest = publication.manifest
    said = {
        "name": manifest["name"],
        "version": manifest["version"],
        "canonical": manifest.get("canonical"),
        "description": manifest.get("description", manifest["name"]),
        "license": manifest["licence"],
        "type": "fhir.ig",
        "fhirVersions": [fhir_version],
        "dependencies": {"hl7.fhir.r4.core": fhir_version, **publication.dependencies},
    }
    return {key: value for key, value in said.items() if value is not None}


def _index(resources: dict[str, JsonObject]) -> JsonObject:
    return {
        "index-version": 1,
        "files": [
            {
                "filename": name,
                "resourceType": resources[name]["resourceType"],
                "id": resources[name]["id"],
                **{
                    key: resources[name][key]
                    for key in _INDEX_KEYS
                    if _is_text(resources[name], key)
                },
            }
            for name in sorted(resources)
        ],
    }


def _is_text(resource: JsonObject, key: str) -> bool:
    return isinstance(resource.get(key), str)


def _pretty(value: JsonObject) -> bytes:
    return encode_pretty(value)
