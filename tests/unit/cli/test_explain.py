"""``fhir-server explain``."""

import json

from click.testing import CliRunner

from fhir_server.cli.explain import command
from fhir_server.model import catalogue


def test_a_page_in_both_languages() -> None:
    english = CliRunner().invoke(command, ["cardinality-min", "--lang", "en"])
    ukrainian = CliRunner().invoke(command, ["[cardinality-min]"])
    assert english.exit_code == ukrainian.exit_code == 0
    for part in (
        "# cardinality-min",
        "## How to mend it",
        "## Wrong",
        "## Right",
        "hl7.org/fhir/R4",
    ):
        assert part in english.output
    assert "## Як виправити" in ukrainian.output


def test_an_unknown_rule_names_the_nearest() -> None:
    done = CliRunner().invoke(command, ["cardinalty-min"])
    assert done.exit_code == 2
    assert "perhaps cardinality-min" in done.output
    assert CliRunner().invoke(command, []).exit_code == 2


def test_the_list_has_every_rule() -> None:
    lines = CliRunner().invoke(command, ["--list", "--json"]).output.splitlines()
    assert {json.loads(line)["rule"] for line in lines} == set(catalogue())
    assert len(CliRunner().invoke(command, ["--list"]).output.splitlines()) == len(catalogue())


def test_json_has_both_languages() -> None:
    page = json.loads(CliRunner().invoke(command, ["cardinality-min", "--json"]).output)
    assert set(page["mend"]) == set(page["message"]) == {"en", "uk"}
