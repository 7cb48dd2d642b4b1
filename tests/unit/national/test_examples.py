"""Examples: the valid ones pass, each wrong one fails for the one reason that the table names.

The table is ``examples/invalid/expected.yaml``.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.support.national import (
    BASE,
    EXAMPLES,
    INVALID,
    definitions,
    errors,
    expected,
    structures,
    valid_examples,
)


def name(path: Path) -> str:
    return path.relative_to(EXAMPLES).as_posix()


@pytest.mark.parametrize("path", valid_examples(), ids=name)
def test_a_valid_example_has_no_error(path: Path) -> None:
    assert [(found.expression, found.text.en) for found in errors(path)] == []


@pytest.mark.parametrize("file", expected())
def test_a_wrong_example_fails_for_its_one_reason(file: str) -> None:
    reason = expected()[file]
    found = errors(INVALID / file)
    assert [(each.rule, each.expression) for each in found] == [(reason["rule"], reason["at"])]
    if "key" in reason:
        assert (found[0].source or "").endswith(f"#{reason['key']}")


def test_too_many_values_of_a_slice_are_called_by_the_slice() -> None:
    (found,) = errors(INVALID / "UaPatient" / "two-passports.json")
    assert found.text.en.startswith("Patient.identifier:passport has too many values")


def test_every_wrong_example_is_in_the_table() -> None:
    files = {path.relative_to(INVALID).as_posix() for path in INVALID.rglob("*.json")}
    assert files == set(expected())


def test_every_profile_of_a_resource_has_five_wrong_examples_and_a_valid_one() -> None:
    claimed = {
        profile
        for path in valid_examples()
        for profile in json.loads(path.read_text("utf-8")).get("meta", {}).get("profile", ())
    }
    wrong = Counter(file.partition("/")[0] for file in expected())
    profiles = definitions("profiles/structure-definitions")
    assert {each["url"] for each in profiles} <= claimed
    assert [each["name"] for each in profiles if wrong[each["name"]] < 5] == []


def test_every_invariant_that_refuses_has_a_wrong_example() -> None:
    keys = {
        rule["key"]
        for structure in structures()
        for element in structure["differential"]["element"]
        for rule in element.get("constraint", ())
        if rule["severity"] == "error"
    }
    assert keys - {reason.get("key") for reason in expected().values()} == set()


def test_wrong_examples_claim_the_profile_they_break() -> None:
    for file in expected():
        resource = json.loads((INVALID / file).read_text("utf-8"))
        profile = f"{BASE}StructureDefinition/{file.partition('/')[0]}"
        assert resource["meta"]["profile"] == [profile], file


def test_the_broken_visit_names_each_of_its_three_mistakes_once() -> None:
    found = errors(EXAMPLES / "visit-bundle-broken.json")
    assert [
        (each.rule, each.expression, (each.source or "").rpartition("#")[2]) for each in found
    ] == [
        (
            "rnokpp-checksum",
            "Bundle.entry[0].resource.identifier[0].value",
            "Identifier.value",
        ),
        ("invariant-failed", "Bundle.entry[2].resource", "ua-enc-1"),
        ("invariant-failed", "Bundle.entry[3].resource", "ua-con-1"),
    ]


def test_the_demo_bundle_stands_alone() -> None:
    bundle = json.loads((EXAMPLES / "demo" / "demo-bundle.json").read_text("utf-8"))
    resources = [entry["resource"] for entry in bundle["entry"]]
    present = {f"{resource['resourceType']}/{resource['id']}" for resource in resources}
    missing = {
        reference
        for resource in resources
        for reference in references(resource)
        if reference not in present
    }
    assert missing == set()
    assert sum(resource["resourceType"] == "Patient" for resource in resources) >= 10


def references(value: object) -> list[str]:
    """Every literal reference inside a value."""
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [found for item in value.values() for found in references(item)]
    return []
