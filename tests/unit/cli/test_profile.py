"""``fhir-server profile`` and ``fhir-server package``: the whole way of a profile."""

import csv
import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli import main, profile_impact
from tests.support.workspace import BASE, profile, write_workspace

NAMED = "profiles/structure-definitions/Named.json"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def draft(folder: Path, elements: dict, name: str = "Named") -> Path:
    path = folder / "draft.json"
    path.write_text(json.dumps(profile(name, elements)), encoding="utf-8")
    return path


def test_new_check_snapshot_and_schema(folder):
    made = run("profile", "new", "Child", "--base", f"{BASE}/StructureDefinition/Named",
               "--title-en", "Child", "--title-uk", "Дитина")  # fmt: skip
    assert made.exit_code == 0, made.output
    assert run("profile", "check").exit_code == 0
    snapshot = run("profile", "snapshot", "Child")
    elements = {e["id"]: e for e in json.loads(snapshot.stdout)["snapshot"]["element"]}
    assert elements["Patient.name"]["min"] == 1
    schema = json.loads(run("profile", "schema", "Child").stdout)
    assert "name" in schema["required"]
    again = run(
        "profile", "new", "Child", "--base", "Patient", "--title-en", "a", "--title-uk", "б"
    )
    assert again.exit_code == 2
    assert "profile-exists" in again.stderr


def test_check_shows_the_line_and_ends_with_1(folder):
    path = folder / "profiles/structure-definitions/Wide.json"
    path.write_text(json.dumps(profile("Wide", {"Patient.gender": {"max": "*"}}), indent=2))

    shown = run("profile", "check", path, "--lang", "en")
    assert shown.exit_code == 1
    assert "guard-max-loosened" in shown.stderr
    assert "Wide.json:" in shown.stderr
    told = json.loads(run("profile", "check", path, "--json").stdout.splitlines()[0])
    assert told["outcome"]["issue"][0]["details"]["coding"][0]["code"] == "guard-max-loosened"


def test_diff_of_a_file_and_a_draft(folder):
    path = draft(folder, {"Patient.name": {"min": 1}, "Patient.birthDate": {"min": 1}})

    told = run("profile", "diff", "Named", path, "--lang", "en", "--exit-code")
    assert told.exit_code == 1
    assert told.stdout.splitlines() == [
        "Patient.birthDate: tightened min: 0 → 1 [breaks senders]",
        "next version: major: breaking",
    ]
    assert "звужено" in run("profile", "diff", "Named", path).stdout
    assert json.loads(run("profile", "diff", path, "Named", "--json").stdout)["advice"] == "major"


def test_diff_with_a_revision_of_git(folder):
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], cwd=folder, check=True)
    (folder / NAMED).write_text(json.dumps(profile("Named", {"Patient.name": {"min": 2}})))

    told = run("profile", "diff", f"HEAD:{NAMED}", NAMED, "--json")

    assert json.loads(told.stdout)["changes"][0]["after"] == "2"
    assert run("profile", "diff", "--", "-x:y", NAMED).exit_code == 2
    assert run("profile", "diff", "HEAD:nothing.json", NAMED).exit_code == 2


def test_impact_on_files_goes_on_where_it_stopped(folder):
    path = draft(folder, {"Patient.birthDate": {"min": 1}})
    arguments = ["profile", "impact", path, "examples", "--journal", "journal.json"]

    first = run(*arguments, "--csv", "impact.csv")
    assert first.exit_code == 1, first.output
    assert "checked 1, newly failing 1" in first.stdout
    with (folder / "impact.csv").open(encoding="utf-8", newline="") as file:
        assert [row["rule"] for row in csv.DictReader(file)] == ["cardinality-min"]
    more = json.loads((folder / "examples/named.json").read_text(encoding="utf-8"))
    (folder / "examples/other.json").write_text(json.dumps(more), encoding="utf-8")
    second = json.loads(run(*arguments, "--json").stdout)
    assert (second["checked"], second["newlyFailing"]) == (2, 2)
    draft(folder, {"Patient.birthDate": {"max": "0"}})
    assert "checked 2, newly failing 0" in run(*arguments).stdout


def test_a_long_file_goes_on_in_its_middle(folder, monkeypatch):
    """Batches are cut within a file; a run that stopped leaves out what the journal has counted."""
    monkeypatch.setattr(profile_impact, "BATCH", 2)
    nameless = {
        "resourceType": "Patient",
        "meta": {"profile": [f"{BASE}/StructureDefinition/Named"]},
    }
    lines = [json.dumps({**nameless, "name": [{"text": "Т"}]}) for _ in range(5)]
    (folder / "many.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = draft(folder, {"Patient.birthDate": {"min": 1}})
    arguments = ["profile", "impact", path, "many.ndjson", "--journal", "journal.json", "--json"]

    assert json.loads(run(*arguments).stdout)["checked"] == 5
    journal = json.loads((folder / "journal.json").read_text(encoding="utf-8"))
    assert journal["mark"] == ["many.ndjson", 5]
    journal["mark"], journal["impact"]["checked"] = ["many.ndjson", 2], 2
    (folder / "journal.json").write_text(json.dumps(journal), encoding="utf-8")
    assert json.loads(run(*arguments).stdout)["checked"] == 5


def test_impact_in_two_processes_counts_the_same(folder):
    path = draft(folder, {"Patient.birthDate": {"min": 1}})

    told = run("profile", "impact", path, "examples", "--processes", "2", "--json")

    assert json.loads(told.stdout)["newlyFailing"] == 1


def test_impact_on_a_store_writes_nothing(folder):
    store = f"sqlite:///{folder / 'store.sqlite'}"
    loaded = run("load", "examples", "--store", store)
    assert loaded.exit_code == 1, "the profile is not on the server yet"
    bare = folder / "bare.json"
    bare.write_text(json.dumps({"resourceType": "Patient", "name": [{"text": "Т"}]}))
    assert run("load", bare, "--store", store).exit_code == 0
    path = draft(folder, {"Patient.birthDate": {"min": 1}})
    before = (folder / "store.sqlite").read_bytes()

    told = run("profile", "impact", path, "--store", store, "--every", "--json")

    assert json.loads(told.stdout)["newlyFailing"] == 1
    assert (folder / "store.sqlite").read_bytes() == before
    assert json.loads(run("profile", "impact", path, "--store", store, "--json").stdout)[
        "newlyFailing"
    ] == 0  # nobody claims it  # fmt: skip


def test_impact_of_a_draft_that_does_not_compile_is_refused(folder):
    path = draft(folder, {"Patient.nickname": {"min": 1}})

    told = run("profile", "impact", path, "examples")

    assert told.exit_code == 2
    assert "snapshot-element-unknown" in told.stderr


def test_rebase_shows_counts_first(folder):
    dry = run("profile", "rebase", "https://fhir.example.org", "--dry-run", "--json")
    assert json.loads(dry.stdout)["counts"] == {"profiles": 2, "terminology": 3, "examples": 1}
    assert BASE in (folder / NAMED).read_text(encoding="utf-8")
    assert run("profile", "rebase", "https://fhir.example.org").exit_code == 0
    assert BASE not in (folder / NAMED).read_text(encoding="utf-8")
    assert run("profile", "check").exit_code == 0


def test_a_packed_package_is_installed_listed_and_removed(folder):
    packed = run("profile", "pack")
    assert packed.exit_code == 0, packed.output
    assert run("package", "install", packed.stdout.strip()).stdout == "test.profiles#0.1.0\n"
    [listed] = json.loads(run("package", "list", "--json").stdout)
    assert listed["name"] == "test.profiles"
    assert run("package", "list").stdout == f"test.profiles#0.1.0  {BASE}\n"
    assert run("package", "remove", "test.profiles").exit_code == 0
    assert run("package", "remove", "test.profiles").exit_code == 2


def test_a_folder_without_definitions_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert run("profile", "pack").exit_code == 2


def test_validate_knows_the_profiles_of_installed_packages(folder):
    packed = run("profile", "pack")
    run("package", "install", packed.stdout.strip())
    nameless = folder / "nameless.json"
    url = f"{BASE}/StructureDefinition/Named"
    nameless.write_text(json.dumps({"resourceType": "Patient", "meta": {"profile": [url]}}))

    told = run("validate", nameless, "--json")

    assert told.exit_code == 1
    assert "cardinality-min" in told.stdout
