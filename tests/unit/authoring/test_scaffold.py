"""`profile new`: valid from the first moment, listed, never written over another."""

import json
from datetime import date

import pytest

from fhir_server.authoring import NewProfile, check_definitions, new_profile
from fhir_server.definitions import read_manifest
from fhir_server.model import InvalidRequest

TODAY = date(2026, 11, 25)


def asked(**changes):
    given = {"name": "Child", "base": "Patient", "title_en": "Child", "title_uk": "Дитина"}
    return NewProfile(**{**given, **changes})


def made(core, workspace, **changes):
    return new_profile(asked(**changes), workspace.root / "profiles", core, TODAY)


@pytest.mark.parametrize(
    ("changes", "folder"),
    [
        ({}, "structure-definitions"),
        ({"base": "Address", "name": "Place"}, "data-types"),
        ({"base": "Extension", "name": "colour", "context": "Patient"}, "extensions"),
    ],
)
def test_a_new_profile_is_valid_and_listed(core, workspace, changes, folder):
    path = made(core, workspace, **changes)

    assert path.parent.name == folder
    assert f"{folder}/*.json" in read_manifest(workspace.root / "profiles")["files"]
    assert path in workspace.files()
    [checked] = check_definitions(core, workspace, (path,))
    assert [i.text.en for i in checked.issues] == []
    definition = json.loads(path.read_text(encoding="utf-8"))
    assert definition["url"] == f"https://fhir.test/StructureDefinition/{path.stem}"
    assert "Дитина" in json.dumps(definition["_title"], ensure_ascii=False)


def test_nothing_is_written_over(core, workspace):
    path = made(core, workspace)
    before = path.read_bytes()

    with pytest.raises(InvalidRequest) as refusal:
        made(core, workspace, title_en="Another")

    assert refusal.value.issues[0].rule == "profile-exists"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "rule"),
    [({"base": "Nothing"}, "profile-base-unknown"), ({"name": "not an id"}, "definition-id")],
)
def test_what_cannot_be_made_is_refused(core, workspace, changes, rule):
    with pytest.raises(InvalidRequest) as refusal:
        made(core, workspace, **changes)

    assert refusal.value.issues[0].rule == rule
