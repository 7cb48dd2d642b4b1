"""A workspace of a standards team, as small as one can be: one profile, one value set, examples."""

import json
from pathlib import Path
from typing import Any

from fhir_server.authoring import Workspace

BASE = "https://fhir.test"


def profile(name: str, elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A profile of Patient; ``elements`` by id."""
    said = {"Patient": {}, **elements}
    return {
        "resourceType": "StructureDefinition",
        "id": name,
        "url": f"{BASE}/StructureDefinition/{name}",
        "version": "0.1.0",
        "name": name,
        "status": "draft",
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        **more,
        "differential": {
            "element": [
                {"id": key, "path": ".".join(p.partition(":")[0] for p in key.split(".")), **value}
                for key, value in said.items()
            ]
        },
    }


def write_workspace(root: Path) -> Workspace:
    """Write the folders ``profiles``, ``terminology`` and ``examples`` below ``root``."""
    files = {
        "profiles/manifest.json": _manifest("test.profiles", "structure-definitions/*.json"),
        "profiles/structure-definitions/Named.json": profile("Named", {"Patient.name": {"min": 1}}),
        "terminology/manifest.json": _manifest("test.terminology", "*.json"),
        "terminology/colours.json": {
            "resourceType": "ValueSet",
            "id": "colours",
            "url": f"{BASE}/ValueSet/colours",
            "status": "draft",
            "compose": {
                "include": [{"system": f"{BASE}/CodeSystem/colours", "concept": [{"code": "red"}]}]
            },
        },
        "examples/named.json": {
            "resourceType": "Patient",
            "meta": {"profile": [f"{BASE}/StructureDefinition/Named"]},
            "name": [{"text": "Тестова Олена"}],
        },
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")
    return Workspace(root)


def _manifest(name: str, glob: str) -> dict[str, Any]:
    return {
        "name": name,
        "version": "0.1.0",
        "canonical": BASE,
        "source": "Written for tests.",
        "licence": "Apache-2.0",
        "files": [glob],
    }
