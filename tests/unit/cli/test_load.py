"""``fhir-server load`` and what it and ``validate`` tell people."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli import main
from fhir_server.cli.frames import frame
from fhir_server.cli.journal import Journal
from fhir_server.model import issue

PATIENT = {"resourceType": "Patient", "active": True}
BROKEN = '{\n  "resourceType": "Patient",\n  "gender": "mal"\n}'


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["load", *arguments, "--store", "sqlite:///a.sqlite"])


def test_files_ndjson_and_bundles_are_loaded_once() -> None:
    folder = Path("in")
    folder.mkdir()
    (folder / "one.json").write_text(json.dumps({**PATIENT, "id": "one"}))
    lines = [json.dumps({**PATIENT, "id": f"line{n}"}) for n in range(40)]
    (folder / "many.ndjson").write_text("\n".join(lines) + "\n\n")
    entries = [{"resource": {**PATIENT, "id": f"entry{n}"}} for n in range(3)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (folder / "bundle.json").write_text(json.dumps(bundle))
    first = load("in")
    assert (first.exit_code, first.stderr.strip()) == (0, "44 stored, 0 refused")
    assert load("in").stderr.strip() == "0 stored, 0 refused"
    assert load("in", "--restart").stderr.strip() == "44 stored, 0 refused"


def test_a_refused_file_is_shown_with_its_line_and_the_others_are_stored() -> None:
    Path("good.json").write_text(json.dumps(PATIENT))
    Path("bad.json").write_text(BROKEN)
    result = load("good.json", "bad.json", "--lang", "en")
    assert result.exit_code == 1
    assert "bad.json:3:13" in result.stderr
    assert '3 │   "gender": "mal"' in result.stderr
    assert "1 stored, 1 refused" in result.stderr


def test_a_changed_file_is_loaded_again_and_an_interrupted_one_goes_on() -> None:
    file = Path("a.ndjson")
    file.write_text("x")
    journal = Journal.open(Path("journal.json"), "store", restart=False)
    journal.note(file, 32)
    again = Journal.open(Path("journal.json"), "store", restart=False)
    assert again.done(file) == 32
    assert Journal.open(Path("journal.json"), "other", restart=False).done(file) == 0
    again.finish(file, 40)
    assert again.done(file) is None
    file.write_text("changed")
    assert again.done(file) == 0


def test_a_frame_marks_the_value_and_names_the_rule() -> None:
    found = issue("json-nul", line=3, column=13, expression="Patient.gender", source="p#Patient")
    text = frame(found, "a.json", BROKEN, "uk")
    assert text.splitlines()[0].startswith("помилка[json-nul]: ")
    assert "  ┌─ a.json:3:13" in text
    assert "  │             ^^^^^" in text
    assert "  = місце: Patient.gender" in text


def test_an_expression_is_evaluated_over_a_file() -> None:
    Path("p.json").write_text(json.dumps(PATIENT))
    result = CliRunner().invoke(main, ["fhirpath", "Patient.active", "p.json"])
    assert (result.exit_code, result.stdout) == (0, "true\n")
    assert CliRunner().invoke(main, ["fhirpath", "Patient.", "p.json"]).exit_code == 2
