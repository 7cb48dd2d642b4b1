"""Which entry a reference means: https://hl7.org/fhir/R4/bundle.html#references"""

from typing import Any

import pytest

from fhir_server.validation.bundle_index import BundleIndex, find_entry

BASE = "https://example.org/fhir/"
URN = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"


def entry(full_url: str | None, logical_id: str, version: str | None = None) -> dict[str, Any]:
    resource = {"resourceType": "Patient", "id": logical_id}
    if version is not None:
        resource["meta"] = {"versionId": version}  # type: ignore[assignment] # JSON
    return (
        {"resource": resource} if full_url is None else {"fullUrl": full_url, "resource": resource}
    )


INDEX = BundleIndex(
    {
        "entry": [
            entry(BASE + "Patient/1", "1", "1"),
            entry(BASE + "Patient/1", "1", "2"),
            entry("https://other.org/fhir/Patient/1", "1"),
            entry(URN, "5"),
            entry(None, "7"),
        ]
    }
)


@pytest.mark.parametrize(
    ("reference", "under", "found"),
    [
        (BASE + "Patient/1", None, 1),
        (BASE + "Patient/1/_history/1", None, 0),
        (BASE + "Patient/1/_history/3", None, None),
        (BASE + "Patient/1#part", None, 1),
        ("Patient/1", BASE + "Observation/3", 1),
        ("Patient/1", "https://other.org/fhir/Observation/3", 2),
        ("Patient/1", "https://third.org/fhir/Observation/3", None),
        ("Patient/1", URN, None),
        (URN, None, 3),
        ("Patient/7", BASE + "Observation/3", 4),
        ("Patient/0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", URN, 3),
        ("not a reference", None, None),
    ],
)
def test_the_entry_that_is_meant(reference: str, under: str | None, found: int | None) -> None:
    entries = [*INDEX.by_url[BASE + "Patient/1"]]
    entries += [INDEX.by_url["https://other.org/fhir/Patient/1"][0], INDEX.by_url[URN][0]]
    entries += [INDEX.by_name["Patient/7"]]
    assert find_entry(reference, under, INDEX) is (None if found is None else entries[found])


@pytest.mark.parametrize("entries", [None, 5, [None, 5, {}, {"resource": 5}]])
def test_broken_entries_are_passed_over(entries: Any) -> None:
    assert find_entry("Patient/1", None, BundleIndex({"entry": entries})) is None
