"""Which resources of a transaction may hold links that must be rewritten."""

from typing import Any

import pytest

from fhir_server.interaction.links import LinkFinder

URN = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
OTHER_URN = "urn:uuid:1d4262ce-2dc0-4e75-805e-de0298b5d7f1"
URL = "https://example.org/fhir/Patient/1"


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **more}


def test_references_are_found_at_any_depth() -> None:
    resource = patient(
        managingOrganization={"reference": "Organization/1"},
        link=[{"other": {"reference": "Patient?name=\"О'\\", "display": "Хтось"}}],
        extension=[{"url": "a", "valueString": '"reference":"Patient/9"'}],
    )
    found = LinkFinder([URL]).links_of(resource)
    assert found.references == {"Organization/1", "Patient?name=\"О'\\"}
    assert found.is_conditional
    assert not found.has_full_url


@pytest.mark.parametrize(
    "more",
    [
        {"extension": [{"url": "a", "valueUri": URN}]},
        {"extension": [{"url": "a", "valueUrl": URL}]},
        {"text": {"div": f"<div><a href='{URN}'>там</a></div>"}},
    ],
)
def test_links_beside_references_are_noticed(more: dict[str, Any]) -> None:
    finder = LinkFinder([URN, OTHER_URN, URL])
    assert finder.links_of(patient(**more)).has_full_url
    assert not finder.links_of(patient(id="1", active=True)).has_full_url


def test_without_full_urls_nothing_is_noticed() -> None:
    assert not LinkFinder([]).links_of(patient(implicitRules=URL)).has_full_url
