"""``fhir-server validate`` on several files: references lead from one to the other."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fhir_server.cli.validate import command
from fhir_server.cli.validate.neighbours import Neighbours, NeighbourTargets
from fhir_server.definitions import load_registry
from fhir_server.xml import XmlCodec

HL7 = "http://hl7.org/fhir/StructureDefinition/"
KINDS = ("cholesterol", "triglyceride", "hdlcholesterol")
SLICING = {"slice-closed", "slice-missing"}
TARGET = "reference-target-profile"


@pytest.fixture(scope="module")
def codes() -> dict[str, Any]:
    """The code that each profile fixes; the report's slices are told apart by them."""
    registry = load_registry()
    found = {}
    for name in (*KINDS, "lipidprofile"):
        definition = registry.resource("StructureDefinition", HL7 + name)
        assert definition is not None
        elements = (e for e in definition["snapshot"]["element"] if e["id"].endswith(".code"))
        code = next(elements)
        found[name] = code.get("fixedCodeableConcept") or code["patternCodeableConcept"]
    return found


@pytest.fixture
def folder(tmp_path: Path, codes: dict[str, Any]) -> Path:
    report = {
        "resourceType": "DiagnosticReport",
        "meta": {"profile": [f"{HL7}lipidprofile"]},
        "status": "final",
        "code": codes["lipidprofile"],
        "subject": {"reference": "Patient/1"},
        "result": [{"reference": f"Observation/{kind}"} for kind in KINDS],
    }
    (tmp_path / "report.json").write_text(json.dumps(report), "utf-8")
    (tmp_path / "broken.json").write_text("{", "utf-8")
    observations = [
        {"resourceType": "Observation", "id": kind, "status": "final", "code": codes[kind]}
        for kind in KINDS
    ]
    lines = "\n\n".join(json.dumps(each, ensure_ascii=False) for each in observations)
    (tmp_path / "observations.ndjson").write_text(lines, "utf-8")
    return tmp_path


def rules_of_report(*arguments: str) -> set[str]:
    done = CliRunner().invoke(command, [*arguments, "--json", "--as-write"])
    told = map(json.loads, done.stdout.splitlines())
    outcome = next(each["outcome"] for each in told if each["file"].endswith("report.json"))
    return {
        issue["details"]["coding"][0]["code"]
        for issue in outcome["issue"]
        if issue["severity"] == "error"
    }


def test_a_file_alone_knows_no_targets(folder: Path) -> None:
    assert rules_of_report(str(folder / "report.json")) == SLICING


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_targets_are_found_in_the_other_files(folder: Path, jobs: str) -> None:
    """The slices fit then, and what the observations lack by their profiles is seen."""
    assert rules_of_report(str(folder), "--jobs", jobs) == {TARGET}


def test_places_are_read_anew_and_what_is_gone_is_not_found(folder: Path) -> None:
    file = folder / "observations.ndjson"
    neighbours = Neighbours(lambda: sorted(folder.iterdir()), XmlCodec(load_registry().types))
    targets = NeighbourTargets(neighbours)
    found = targets.resolve("Observation/triglyceride")
    assert found is not None
    assert found is targets.resolve("Observation/triglyceride")
    assert found["id"] == "triglyceride"
    assert targets.resolve("http://example.org/fhir/Observation/triglyceride") is None
    assert not targets.is_deleted("Observation/triglyceride")
    file.write_text('{"resourceType": "Observation", "id": "other"}\n' * 9, "utf-8")
    assert neighbours.find("Observation/triglyceride") is None
    file.unlink()
    assert neighbours.find("Observation/cholesterol") is None


def test_the_first_of_a_name_counts_and_xml_is_read(tmp_path: Path) -> None:
    xml = '<Patient xmlns="http://hl7.org/fhir"><id value="1"/><active value="true"/></Patient>'
    (tmp_path / "a.xml").write_text(xml, "utf-8")
    (tmp_path / "b.json").write_text('{"resourceType": "Patient", "id": "1"}', "utf-8")
    neighbours = Neighbours(lambda: sorted(tmp_path.iterdir()), XmlCodec(load_registry().types))
    assert neighbours.find("Patient/1") == {"resourceType": "Patient", "id": "1", "active": True}
