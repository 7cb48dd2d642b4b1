"""A new profile: the least that is valid, to be filled by hand.

Spec: https://hl7.org/fhir/R4/structuredefinition.html
"""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from fhir_server.definitions import MANIFEST, Registry, read_manifest
from fhir_server.model import Canonical, InvalidRequest, JsonObject, is_logical_id

_TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
_TYPE_URL = "http://hl7.org/fhir/StructureDefinition/"
_FOLDERS = {"resource": "structure-definitions", "complex-type": "data-types"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProfile:
    """What is asked for.

    Attributes:
        name: Id, computer-friendly name and last part of the canonical URL.
        base: Canonical URL or type name of what it constrains.
        title_en: Title in English.
        title_uk: Title in Ukrainian.
        context: For an extension: the element it may stand in.
    """

    name: str
    base: str
    title_en: str
    title_uk: str
    context: str | None = None


def new_profile(asked: NewProfile, folder: Path, registry: Registry, today: date) -> Path:
    """Write the file of a new profile below the folder ``profiles`` and list it in the manifest.

    Args:
        asked: What it is.
        folder: The folder with the manifest.
        registry: Where the base is looked up.
        today: ``date`` of the definition.

    Returns:
        The file.

    Raises:
        InvalidRequest: The name is no id, the base is not here, or there is such a file already.
    """
    base = registry.structure(asked.base) or registry.type_structure(asked.base)
    if base is None:
        raise InvalidRequest.of("profile-base-unknown", found=asked.base)
    if not is_logical_id(asked.name):
        raise InvalidRequest.of("definition-id", found=asked.name)
    manifest = read_manifest(folder)
    definition = _definition(
        asked, base=base.url, fhir_type=base.type, kind=base.kind, manifest=manifest
    )
    definition["date"] = today.isoformat()
    kind = "extensions" if base.type == "Extension" else _FOLDERS.get(base.kind, "logical-models")
    path = folder / kind / f"{asked.name}.json"
    if path.exists() or registry.structure(definition["url"]) is not None:
        raise InvalidRequest.of("profile-exists", found=definition["url"], place=path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_text(definition), encoding="utf-8")
    _list(folder, manifest, kind)
    return path


def _list(folder: Path, manifest: JsonObject, kind: str) -> None:
    """Add the kind's folder to the manifest where no glob covers it."""
    glob = f"{kind}/*.json"
    if glob not in manifest["files"]:
        changed = {**manifest, "files": [*manifest["files"], glob]}
        (folder / MANIFEST).write_text(_text(changed), encoding="utf-8")


def _text(value: JsonObject) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _definition(
    asked: NewProfile, *, base: Canonical, fhir_type: str, kind: str, manifest: JsonObject
) -> JsonObject:
    address = str(manifest.get("canonical", "https://example.org")).rstrip("/")
    url = f"{address}/StructureDefinition/{asked.name}"
    root: JsonObject = {"id": fhir_type, "path": fhir_type, **_both("short", asked)}
    elements = [root]
    context: JsonObject = {}
    if fhir_type == "Extension":
        elements.append({"id": "Extension.url", "path": "Extension.url", "fixedUri": url})
        context = {"context": [{"type": "element", "expression": asked.context or "Element"}]}
    return {
        "resourceType": "StructureDefinition",
        "id": asked.name,
        "language": "en",
        "url": url,
        "version": manifest["version"],
        "name": "".join(part[:1].upper() + part[1:] for part in asked.name.split("-")),
        **_both("title", asked),
        "status": "draft",
        "experimental": True,
        "date": "",
        **_both("description", asked),
        "fhirVersion": "4.0.1",
        "kind": kind,
        "abstract": False,
        **context,
        "type": fhir_type,
        "baseDefinition": base if ":" in base else _TYPE_URL + base,
        "derivation": "constraint",
        "differential": {"element": elements},
    }


def _both(key: str, asked: NewProfile) -> JsonObject:
    translation = {
        "url": _TRANSLATION,
        "extension": [
            {"url": "lang", "valueCode": "uk"},
            {"url": "content", "valueString": asked.title_uk},
        ],
    }
    return {key: asked.title_en, f"_{key}": {"extension": [translation]}}
