"""Snapshots of small differentials; all but a few are what HL7's own generator makes of them."""

from pathlib import Path

import pytest
import yaml

from fhir_server.definitions import snapshot
from tests.support.profiles import HL7, profile, rows

CASES = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "-"))
def test_a_snapshot_says(core, case):
    registry, base = core, HL7 + case["type"]
    if "base" in case:
        base = "urn:base"
        registry = core.with_resources([profile(base, case["type"], *case["base"])])
    made = snapshot(
        profile("urn:derived", case["type"], *case["elements"], baseDefinition=base), registry
    )

    found = rows(made["snapshot"]["element"])

    expected = dict(line.split(" ", 1) for line in case["expect"])
    assert {name: found.get(name) for name in expected} == expected
    assert [name for name in found if name in expected] == list(expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "-"))
def test_a_snapshot_made_again_from_nothing_more_is_itself(core, case):
    base = profile("urn:base", case["type"], *case.get("base", ()))
    registry = core.with_resources([base])
    first = profile("urn:first", case["type"], *case["elements"], baseDefinition="urn:base")
    registry = registry.with_resources([first])

    again = snapshot(profile("urn:again", case["type"], baseDefinition="urn:first"), registry)

    assert (
        again["snapshot"]["element"]
        == registry.resource("StructureDefinition", "urn:first")["snapshot"]["element"]
    )
