"""`profile rebase`: another canonical base everywhere, and only where it is one."""

import json

import pytest

from fhir_server.authoring import check_definitions, rebased, write
from fhir_server.model import InvalidRequest
from tests.support.workspace import BASE

NEW = "https://fhir.example.org/ua"


def folders(workspace):
    return [workspace.root / name for name in ("profiles", "terminology", "examples")]


def test_every_address_gets_the_new_base_and_everything_stays_valid(core, workspace):
    found = list(rebased(folders(workspace), BASE, NEW + "/"))
    write(found)

    assert {r.path.name for r in found} == {
        "manifest.json", "Named.json", "colours.json", "named.json",
    }  # fmt: skip
    named = json.loads((workspace.root / "profiles/structure-definitions/Named.json").read_text())
    assert named["url"] == f"{NEW}/StructureDefinition/Named"
    issues = [i for c in check_definitions(core, workspace, ()) for i in c.issues if i.is_error]
    assert issues == []


def test_a_second_time_nothing_is_left_to_do(workspace):
    write(list(rebased(folders(workspace), BASE, NEW)))

    assert list(rebased(folders(workspace), BASE, NEW)) == []


def test_a_base_that_begins_with_the_old_one_is_not_taken_twice(workspace):
    longer = f"{BASE}/ua"
    write(list(rebased(folders(workspace), BASE, longer)))

    assert list(rebased(folders(workspace), BASE, longer)) == []
    assert f"{longer}/ua" not in (workspace.root / "examples/named.json").read_text()


def test_a_host_that_begins_like_the_base_is_another_one(workspace):
    path = workspace.root / "examples" / "other.json"
    path.write_text(json.dumps({"system": "https://fhir.test.example.org/sid/x"}), encoding="utf-8")

    assert path not in [r.path for r in rebased(folders(workspace), BASE, NEW)]


@pytest.mark.parametrize("base", ["fhir.example.org", "https://", "urn:oid:1.2", "https://a b"])
def test_what_is_no_address_is_refused(workspace, base):
    with pytest.raises(InvalidRequest) as refusal:
        list(rebased(folders(workspace), BASE, base))

    assert refusal.value.issues[0].rule == "canonical-base"
