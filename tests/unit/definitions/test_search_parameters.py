"""Search parameters of a type, inherited ones included."""

import pytest


def parameter(code, base, **more):
    return {
        "resourceType": "SearchParameter",
        "url": f"urn:{code}",
        "code": code,
        "base": [base],
        "type": "token",
        "expression": f"{base}.{code}",
        "status": "active",
        **more,
    }


def test_inherited_parameters_are_there(core):
    found = core.search_parameters("Patient")

    assert {"_id", "_lastUpdated", "_text", "identifier", "birthdate"} <= set(found)
    assert found["_id"].url == "http://hl7.org/fhir/SearchParameter/Resource-id"
    assert found["_id"].bases == ("Resource",)
    assert "_text" not in core.search_parameters("Bundle")
    assert "_id" in core.search_parameters("Bundle")
    assert "_id" in core.search_parameters("Resource")
    assert "birthdate" not in core.search_parameters("Observation")


def test_composites_know_their_parts(core):
    found = core.search_parameters("Observation")["code-value-quantity"]

    assert found.type == "composite"
    assert [(c.definition.rpartition("/")[2], c.expression) for c in found.components] == [
        ("clinical-code", "code"),
        ("Observation-value-quantity", "value.as(Quantity)"),
    ]


def test_references_know_their_targets_and_dates_their_prefixes(core):
    found = core.search_parameters("Encounter")

    assert found["service-provider"].targets == ("Organization",)
    assert "ge" in found["date"].comparators


def test_a_parameter_that_is_added_counts_at_once_and_hides_one_of_its_code(core):
    registry = core.with_resources(
        [parameter("nick", "Patient"), parameter("gender", "Patient", url="urn:mine")]
    )

    found = registry.search_parameters("Patient")
    assert found["nick"].expression == "Patient.nick"
    assert found["gender"].url == "urn:mine"
    assert "nick" not in core.search_parameters("Patient")


@pytest.mark.parametrize("more", [{"experimental": True}, {"status": "retired"}])
def test_an_experimental_or_retired_parameter_displaces_none(core, more):
    registry = core.with_resources([parameter("gender", "Patient", url="urn:mine", **more)])

    assert registry.search_parameters("Patient")["gender"].url != "urn:mine"


def test_every_parameter_with_an_expression_is_reachable(core):
    reachable = {
        found.url
        for resource_type in core.types.resource_types
        for found in core.search_parameters(resource_type).values()
    }

    assert len(reachable) >= 1380
