"""``fhir-server fhirpath``; https://hl7.org/fhir/R4/fhirpath.html"""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from fhir_server.cli import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["fhirpath", *arguments])


def patient(folder: Path) -> str:
    file = folder / "p.json"
    file.write_text('{"resourceType":"Patient","active":true,"name":[{"given":["A","B"]}]}')
    return str(file)


def test_values_come_one_a_line_or_as_one_array(tmp_path: Path) -> None:
    file = patient(tmp_path)
    assert run("name.given", file).stdout == '"A"\n"B"\n'
    assert run("name.given", file, "--json").stdout == '["A","B"]\n'


def test_what_is_traced_goes_to_stderr(tmp_path: Path) -> None:
    result = run("name.given.trace('seen').count()", patient(tmp_path))
    assert (result.stdout, result.stderr) == ("2\n", 'seen: ["A","B"]\n')


def test_an_expression_is_judged_without_running(tmp_path: Path) -> None:
    good = run("name.given.first()", patient(tmp_path), "--check")
    assert (good.exit_code, good.stdout) == (0, "string\n")
    wrong = run("nam.given or birthdate > 1", "--check", "--type", "Patient", "--lang", "en")
    assert wrong.exit_code == 1
    assert "Patient has no element nam; nearest: name" in wrong.stderr
    assert "Patient has no element birthdate; nearest: birthDate" in wrong.stderr


def test_findings_can_be_had_as_json() -> None:
    result = run("gender = 1", "--check", "--type", "Patient", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (told["result"], told["issues"][0]["rule"]) == ("Boolean", "fhirpath-never-equal")


def test_what_is_not_understood_is_a_usage_error(tmp_path: Path) -> None:
    refused = run("Patient.", patient(tmp_path))
    assert refused.exit_code == 2
    assert "рядок 1, стовпець 9" in refused.stderr
    assert "line 1, column 9" in run("Patient.", "--lang", "en").stderr
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert run("true", str(broken)).exit_code == 2
