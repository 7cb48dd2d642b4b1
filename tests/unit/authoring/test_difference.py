"""`profile diff`: tightened, loosened, breaking or not, which version to count up."""

from pathlib import Path

import pytest
import yaml

from fhir_server.authoring import difference
from fhir_server.terminology import Terminology
from tests.support.workspace import profile

CASES = yaml.safe_load(Path(__file__).with_name("differences.yaml").read_text(encoding="utf-8"))


def compared(core, before, after):
    sides = [core.with_resources([profile("P", said)]) for said in (before, after)]
    structures = [side.structure("https://fhir.test/StructureDefinition/P") for side in sides]
    terms = [Terminology(side) for side in sides]
    return difference(*structures, *sides, lambda old, url: terms[0 if old else 1].codes_of(url))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_difference(case, core):
    found = compared(core, case["before"], case["after"])

    shown = [
        f"{c.element}: {c.aspect.direction} {c.aspect.name}"
        + "".join(f", {party}" for party in c.aspect.breaks)
        for c in found.changes
    ]
    assert shown == case["changes"]
    assert found.advice == case["advice"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_way_back_is_as_breaking(case, core):
    """What one way tightens, the other loosens."""
    there = compared(core, case["before"], case["after"])
    back = compared(core, case["after"], case["before"])

    assert len(there.changes) == len(back.changes)
    assert there.advice == back.advice


def test_a_profile_does_not_differ_from_itself(core):
    found = compared(core, {"Patient.name": {"min": 1}}, {"Patient.name": {"min": 1}})

    assert found.as_json() == {"advice": "none", "breaking": False, "changes": []}
