"""XML files at the command line."""

import json

from click.testing import CliRunner

from fhir_server.cli.sources import read_sources
from fhir_server.cli.validate import command

GOOD = '<Patient xmlns="http://hl7.org/fhir"><gender value="male"/></Patient>'
BAD = """<?xml version="1.0"?>
<Patient xmlns="http://hl7.org/fhir">
 <gender value="mann"/>
</Patient>"""


def test_folders_give_xml_files_too(tmp_path) -> None:
    (tmp_path / "a.xml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.json").write_text("{}", encoding="utf-8")
    (tmp_path / "c.txt").write_text("no resource", encoding="utf-8")
    assert [source.is_xml for source in read_sources([tmp_path])] == [True, False]


def test_findings_show_the_line_of_the_xml_file(tmp_path) -> None:
    file = tmp_path / "bad.xml"
    file.write_text(BAD, encoding="utf-8")
    done = CliRunner().invoke(command, [str(file), "--lang", "en", "--quiet"])
    assert done.exit_code == 1
    assert "bad.xml:3:2" in done.output
    assert '3 │  <gender value="mann"/>' in done.output


def test_what_is_no_xml_is_a_finding(tmp_path) -> None:
    file = tmp_path / "bad"
    file.write_text("<Patient", encoding="utf-8")
    done = CliRunner().invoke(command, [str(file), "--json"])
    assert done.exit_code == 1
    (found,) = json.loads(done.output)["outcome"]["issue"]
    assert found["details"]["coding"][0]["code"] == "xml-syntax"
