"""``fhir-server validate``: formats, languages, baselines, fixes, what it reads, exit codes."""

import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli.validate import command
from fhir_server.cli.validate.watch import watch

GOOD = '{"resourceType": "Patient", "gender": "male"}\n'
BROKEN = """{
  "resourceType": "Patient",
  "gender": "mаle",
    "active":   "true",
  "name": {"family": "Зразкова"},
  "brithDate": "1987-02-11",
  "extension": [],
  "telecom": [{"system": "phone", "value": "+380671234567"}]
}
"""
MENDED = """{
  "resourceType": "Patient",
  "gender": "male",
    "active":   true,
  "name": [{"family": "Зразкова"}],
  "birthDate": "1987-02-11",
  "telecom": [{"system": "phone", "value": "+380671234567"}]
}
"""
RULES = {
    "binding-required", "primitive-json-type", "array-expected", "property-unknown", "array-empty",
}  # fmt: skip


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(command, [*arguments, "--quiet"], input=text)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    file = tmp_path / "patient.json"
    file.write_text(BROKEN, encoding="utf-8")
    return file


def test_frames_show_the_line_the_mark_and_the_help(broken) -> None:
    done = run(str(broken), "--lang", "en")
    assert done.exit_code == 1
    assert 'patient.json:3:13\n  │\n3 │   "gender": "mаle",\n  │             ^^^^^^' in done.output
    assert "letters of another alphabet" in done.output
    assert "= safe fix (--fix): replace it with true" in done.output
    assert "= more: fhir-server explain array-empty" in done.output
    assert done.output.endswith("5 errors (1 resource); --fix: 5 safe fixes\n")
    assert "\x1b" not in done.output


def test_the_same_in_ukrainian(broken) -> None:
    done = run(str(broken))
    assert "помилка[array-expected]" in done.output
    assert "= безпечна правка (--fix): перейменувати на birthDate" in done.output
    assert done.output.endswith("5 помилок (1 ресурс); --fix зробить 5 безпечних правок\n")


def test_what_an_invariant_asks_for_is_told_as_a_condition(tmp_path) -> None:
    file = tmp_path / "contact.json"
    file.write_text('{"resourceType":"Patient","contact":[{"gender":"male"}]}', encoding="utf-8")
    assert "must be true: name.exists() or" in run(str(file), "--lang", "en").output
    assert "має виконуватися: name.exists() or" in run(str(file)).output


def test_nothing_wrong_is_exit_code_0(tmp_path) -> None:
    (tmp_path / "a.json").write_text(GOOD, encoding="utf-8")
    done = run(str(tmp_path / "*.json"), "--lang", "en")
    assert (done.exit_code, done.output) == (0, "no errors (1 resource)\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere/*.json"],
        [".", "--profile", "http://example.org/none"],
        [".", "--update-baseline"],
        [".", "--dry-run"],
        ["-", "--fix"],
        ["-", "--watch"],
    ],
)
def test_what_cannot_be_used_is_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_it_is_strict_unless_asked_to_judge_as_a_write(tmp_path) -> None:
    extended = (
        '{"resourceType": "Patient", "extension": [{"url": "http://a.org/x", "valueCode": "x"}]}'
    )
    (tmp_path / "patient.json").write_text(extended)
    assert run(str(tmp_path)).exit_code == 1
    assert run(str(tmp_path), "--as-write").exit_code == 0
    assert run(str(tmp_path), "--jobs", "2").exit_code == 1


def test_json_is_an_outcome_a_line_with_all_that_is_known(broken) -> None:
    done = run(str(broken), "--json")
    row = json.loads(done.output)
    found = row["outcome"]["issue"][0]
    extensions = {
        extension["url"].rpartition("/")[2]: next(
            value for key, value in extension.items() if key != "url"
        )
        for extension in found["extension"]
    }
    assert row["file"] == str(broken)
    assert found["expression"] == ["Patient.gender"]
    assert extensions["operationoutcome-issue-line"] == 3
    assert extensions["operationoutcome-issue-col"] == 13
    assert extensions["issue-pointer"] == "/gender"
    assert extensions["issue-source"].endswith("StructureDefinition/Patient|4.0.1#Patient.gender")
    assert extensions["issue-found"] == "mаle"
    assert "administrative-gender" in extensions["issue-expected"]
    assert extensions["issue-suggestion"] == "male"
    assert json.loads(extensions["issue-patch"])[0]["value"] == "male"


def test_sarif_has_what_its_schema_requires(broken) -> None:
    log = json.loads(run(str(broken), "--format", "sarif", "--lang", "en").output)
    (only,) = log["runs"]
    rules = [rule["id"] for rule in only["tool"]["driver"]["rules"]]
    assert log["version"] == "2.1.0"
    assert only["tool"]["driver"]["name"] == "fhir-server"
    assert set(rules) == RULES
    for result in only["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] > 1
        assert len(result["partialFingerprints"]["finding/v1"]) == 20


def test_junit_has_a_case_a_resource(broken, tmp_path) -> None:
    (tmp_path / "good.json").write_text(GOOD, encoding="utf-8")
    output = run(str(tmp_path), "--format", "junit").stdout
    suites = ET.fromstring(output)  # noqa: S314 # our own output
    assert suites.attrib["tests"] == "2"
    assert suites.attrib["failures"] == "1"
    assert [len(case.findall("failure")) for case in suites.iter("testcase")] == [0, 1]


def test_github_annotates_lines_of_ndjson_too(tmp_path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text(GOOD + '{"resourceType": "Patient", "gender": "x,y"}\n', encoding="utf-8")
    output = run(str(file), "--format", "github", "--lang", "en").stdout
    assert output.startswith(f"::error file={file},line=2,col=39,title=binding-required::'x,y' is")


def test_stdin_may_hold_one_resource_or_ndjson() -> None:
    assert run("-", text=BROKEN).exit_code == 1
    done = run("-", "--json", text=GOOD + '{"resourceType": "Pacient"}\n')
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()] == ["stdin:1", "stdin:2"]


def test_a_baseline_leaves_only_what_is_new(broken, tmp_path) -> None:
    baseline = str(tmp_path / "known.json")
    assert run(str(broken), "--baseline", baseline, "--update-baseline").exit_code == 0
    known = json.loads(Path(baseline).read_text("utf-8"))["findings"]
    assert {row["rule"] for row in known} == RULES
    assert {row["file"] for row in known} == {"patient.json"}
    assert run(str(broken), "--baseline", baseline).exit_code == 0
    broken.write_text("\n\n" + BROKEN.replace('"telecom": [', '"telecom": [{}, '), "utf-8")
    done = run(str(broken), "--baseline", baseline, "--json")
    rules = [i["details"]["coding"][0]["code"] for i in json.loads(done.stdout)["outcome"]["issue"]]
    assert rules == ["element-without-content"]
    Path(baseline).write_text("[]", "utf-8")
    assert run(str(broken), "--baseline", baseline).exit_code == 2


def test_fixes_keep_the_form_of_the_file(broken) -> None:
    done = run(str(broken), "--fix", "--lang", "en")
    assert broken.read_text("utf-8") == MENDED
    assert done.exit_code == 0
    assert f"fixed[property-unknown]: {broken}:6: Patient.brithDate: rename it to birthDate" in (
        done.output
    )


def test_a_dry_run_writes_nothing(broken) -> None:
    done = run(str(broken), "--fix", "--dry-run")
    assert broken.read_text("utf-8") == BROKEN
    assert "можна виправити[array-expected]" in done.output


def test_ndjson_is_mended_line_by_line(tmp_path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b'{"resourceType":"Patient","active":"true"}\r\n\r\n' + GOOD.encode())
    run(str(file), "--fix")
    assert file.read_bytes() == b'{"resourceType":"Patient","active":true}\r\n\r\n' + GOOD.encode()


def test_xml_is_told_but_not_mended(tmp_path) -> None:
    file = tmp_path / "a.xml"
    text = '<Patient xmlns="http://hl7.org/fhir">\n <gender value="Male"/>\n</Patient>'
    file.write_text(text, "utf-8")
    done = run(str(file), "--fix", "--lang", "en")
    assert file.read_text("utf-8") == text
    assert 'a.xml:2:2\n  │\n2 │  <gender value="Male"/>\n  │  ^^^^^^^^^^^^^^^^^^^^^^' in done.output


def test_several_processes_tell_the_same_in_the_same_order(tmp_path) -> None:
    lines = [GOOD, '{"resourceType": "Patient", "gender": "x"}\n'] * 50
    file = tmp_path / "a.ndjson"
    file.write_text("".join(lines), "utf-8")
    alone, together = (run(str(file), "--json", "--jobs", jobs) for jobs in ("1", "2"))
    assert alone.stdout == together.stdout
    assert together.exit_code == 1


def test_watching_tells_new_and_changed_files_until_it_is_stopped(tmp_path) -> None:
    first = tmp_path / "a.json"
    first.write_text(GOOD, "utf-8")
    rounds: list[Any] = [
        lambda: None,
        lambda: first.write_text(BROKEN, "utf-8"),
        lambda: (tmp_path / "b.json").write_text(GOOD, "utf-8"),
        first.unlink,
    ]
    told: list[list[str]] = []

    def pause() -> None:
        if not rounds:
            raise KeyboardInterrupt
        rounds.pop(0)()

    watch(
        lambda: sorted(tmp_path.glob("*.json")),
        lambda paths: told.append([path.name for path in paths]),
        pause,
    )
    assert told == [["a.json"], ["b.json"]]


def test_colour_is_for_terminals_only(broken, monkeypatch) -> None:
    from fhir_server.cli.paint import show

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    show("error[a-b]: c")
    assert "\x1b[1;31merror[a-b]" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    monkeypatch.setattr("sys.stderr", plain)
    show("error[a-b]: c")
    assert "\x1b[1;31m" not in plain.getvalue()
