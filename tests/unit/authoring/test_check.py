"""`profile check`: everything that is wrong, at once, with its place."""

import json

from fhir_server.authoring import check_definitions
from tests.support.workspace import BASE


def findings(core, workspace, *paths):
    return [
        (checked.path.name, issue.rule, issue.line)
        for checked in check_definitions(core, workspace, paths)
        for issue in checked.issues
        if issue.is_error
    ]


def test_a_sound_workspace_has_no_errors_and_its_examples_are_looked_at(core, workspace):
    checked = list(check_definitions(core, workspace, ()))

    assert {c.path.name for c in checked} == {"Named.json", "colours.json", "named.json"}
    assert not [i for c in checked for i in c.issues if i.is_error]


def test_all_problems_of_all_files_are_told_at_once_with_their_lines(core, workspace, add):
    add("Wide", {"Patient.gender": {"max": "*"}, "Patient.nickname": {"min": 1}})
    path = add("Bound", {
        "Patient.maritalStatus": {
            "binding": {"strength": "required", "valueSet": f"{BASE}/ValueSet/nowhere"}
        },
        "Patient.active": {"max": "2"},
    })  # fmt: skip
    found = findings(core, workspace)

    assert {(name, rule) for name, rule, _ in found} == {
        ("Wide.json", "snapshot-element-unknown"),
        ("Bound.json", "guard-value-set-unknown"),
        ("Bound.json", "guard-max-loosened"),
    }
    lines = path.read_text(encoding="utf-8").splitlines()
    at = {rule: line for name, rule, line in found if name == "Bound.json"}
    assert "nowhere" in lines[at["guard-value-set-unknown"] - 1]
    assert '"max": "2"' in lines[at["guard-max-loosened"] - 1]


def test_a_broken_profile_does_not_hide_the_faults_of_others(core, workspace, add):
    """Definitions are compiled together; the broken one is left out, the rest still is there."""
    add("Broken", {"Patient.nickname": {"min": 1}})
    add("Derived", {"Patient.gender": {"max": "*"}},
        baseDefinition=f"{BASE}/StructureDefinition/Named")  # fmt: skip

    rules = {(name, rule) for name, rule, _ in findings(core, workspace)}

    assert ("Derived.json", "guard-max-loosened") in rules
    assert ("Broken.json", "snapshot-element-unknown") in rules


def test_a_canonical_url_belongs_to_one_file(core, workspace, add):
    add("Other", {}, url=f"{BASE}/StructureDefinition/Named", id="Named")

    assert ("Other.json", "canonical-repeated") in {f[:2] for f in findings(core, workspace)}


def test_ids_are_ids_and_end_the_canonical_url(core, workspace, add):
    add("Wrong", {}, id="not_an_id")
    add("Different", {}, id="another")

    found = {f[:2] for f in findings(core, workspace)}

    assert ("Wrong.json", "definition-id") in found
    assert ("Different.json", "definition-id-differs") in found


def test_an_example_that_its_profile_no_longer_allows_is_told(core, workspace, add):
    path = add("Named", {"Patient.birthDate": {"min": 1}})

    assert findings(core, workspace, path) == [("named.json", "cardinality-min", 1)]


def test_a_file_that_is_no_json_is_told(core, workspace):
    path = workspace.root / "profiles" / "structure-definitions" / "Cut.json"
    path.write_text(json.dumps({"resourceType": "StructureDefinition"})[:-1], encoding="utf-8")

    assert "Cut.json" in {name for name, *_ in findings(core, workspace)}


def test_an_extension_fixes_its_own_url(core, workspace, add):
    path = add("Mark", {"Extension": {}, "Extension.url": {"fixedUri": "http://example.org/other"}},
               type="Extension", kind="complex-type",
               baseDefinition="http://hl7.org/fhir/StructureDefinition/Extension",
               context=[{"type": "element", "expression": "Patient"}])  # fmt: skip
    definition = json.loads(path.read_text(encoding="utf-8"))
    del definition["differential"]["element"][0]
    path.write_text(json.dumps(definition), encoding="utf-8")

    assert ("Mark.json", "extension-url-not-fixed") in {
        f[:2] for f in findings(core, workspace, path)
    }
