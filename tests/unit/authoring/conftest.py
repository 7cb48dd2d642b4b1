"""A small workspace to write to, and the core package."""

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_server.authoring import Workspace
from fhir_server.definitions import Registry, load_registry
from tests.support.workspace import profile, write_workspace


@pytest.fixture(scope="session")
def core() -> Registry:
    return load_registry(national=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return write_workspace(tmp_path)


@pytest.fixture
def add(workspace: Workspace):
    """Write a profile of Patient into the workspace."""

    def write(name: str, elements: dict[str, Any], **more: Any) -> Path:
        path = workspace.root / "profiles" / "structure-definitions" / f"{name}.json"
        text = json.dumps(profile(name, elements, **more), indent=2, ensure_ascii=False)
        path.write_text(text, encoding="utf-8")
        return path

    return write
