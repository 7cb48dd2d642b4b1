"""Guard rails of profiles, each case a small differential."""

from pathlib import Path
from typing import Any

import pytest
import yaml

CASES = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8"))
PATIENT = "http://hl7.org/fhir/StructureDefinition/Patient"
_PARTS = ("StructureDefinition.differential.", "StructureDefinition.", "StructureDefinition")


def profile(case: dict[str, Any]) -> dict[str, Any]:
    fhir_type = case.get("type", "Patient")
    said = {fhir_type: {}, **case["elements"]}
    elements = [{"id": key, "path": _path(key), **value} for key, value in said.items()]
    return {
        "resourceType": "StructureDefinition",
        "url": "http://example.org/StructureDefinition/draft",
        "name": "Draft",
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": fhir_type,
        "baseDefinition": case.get("base", PATIENT),
        "derivation": "constraint",
        **case.get("more", {}),
        "differential": {"element": elements},
    }


def _path(element_id: str) -> str:
    return ".".join(part.partition(":")[0] for part in element_id.split("."))


def shown(issue: Any) -> str:
    place = issue.expression
    for prefix in _PARTS:
        if place.startswith(prefix):
            place = place.removeprefix(prefix)
            break
    return f"{issue.rule} @ {place}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_guard_rails(case, validate):
    issues = validate(profile(case))

    found = [
        i for i in issues if i.rule.startswith(("guard-", "snapshot-", "fixed-", "canonical-"))
    ]
    assert [shown(i) for i in found] == [str(text) for text in case["issues"]]
    if "severity" in case:
        assert {i.severity for i in found} == {case["severity"]}


def test_a_fault_of_an_invariant_is_told_in_both_languages(validate):
    case = next(c for c in CASES if c["name"].startswith("an invariant on an element"))

    text = next(i for i in validate(profile(case)) if i.rule == "guard-invariant-wrong").text

    assert "Patient.contact has no element nam" in text.en
    assert "не має елемента nam" in text.uk
