"""Differentials that no snapshot can be made of."""

import pytest

from fhir_server.definitions import DefinitionErrors, snapshot
from tests.support.profiles import profile


def problems(registry, definition):
    with pytest.raises(DefinitionErrors) as caught:
        snapshot(definition, registry)
    return [(found.rule, found.expression) for found in caught.value.issues]


def test_every_unknown_element_is_reported_with_its_path(core):
    wrong = profile(
        "urn:x",
        "Patient",
        {"path": "Patient.nmae", "min": 1},
        {"path": "Patient.name.famly", "min": 1},
        {"path": "Patient.valueQuantity"},
    )

    assert problems(core, wrong) == [
        ("snapshot-element-unknown", "Patient.nmae"),
        ("snapshot-element-unknown", "Patient.name.famly"),
        ("snapshot-element-unknown", "Patient.valueQuantity"),
    ]


def test_an_unknown_base_is_named(core):
    wrong = profile("urn:x", "Patient", baseDefinition="urn:nowhere")

    assert problems(core, wrong) == [
        ("snapshot-base-unknown", "StructureDefinition.baseDefinition")
    ]


def test_a_circle_of_bases_is_refused(core):
    registry = [
        profile("urn:a", "Patient", baseDefinition="urn:b"),
        profile("urn:b", "Patient", baseDefinition="urn:a"),
    ]

    with pytest.raises(DefinitionErrors) as caught:
        core.with_resources(registry)

    assert {found.rule for found in caught.value.issues} == {"snapshot-circular"}


def test_slices_that_nothing_tells_apart_are_refused(core):
    wrong = profile(
        "urn:x",
        "Patient",
        {"path": "Patient.name", "sliceName": "a"},
        {"path": "Patient.name", "sliceName": "b"},
    )

    assert problems(core, wrong) == [("snapshot-slicing-missing", "Patient.name")]


def test_an_element_without_children_cannot_be_walked_into(core):
    wrong = profile("urn:x", "Patient", {"path": "Patient.id.extension", "max": "0"})

    assert problems(core, wrong) == [("snapshot-no-children", "Patient.id.extension")]


def test_a_differential_of_another_type_than_the_base_is_refused(core):
    wrong = profile("urn:x", "Patient", {"path": "Observation.value[x]", "min": 1})

    assert problems(core, wrong) == [("snapshot-other-type", "Observation")]


def test_a_path_outside_of_the_root_is_refused(core):
    wrong = profile("urn:x", "Patient", {"path": "Patient"}, {"path": "Person.name", "min": 1})

    assert problems(core, wrong) == [("snapshot-element-unknown", "Patient.Person.name")]


def test_neither_snapshot_nor_base_is_refused(core):
    wrong = {k: v for k, v in profile("urn:x", "Patient").items() if k != "baseDefinition"}

    assert problems(core, wrong) == [("snapshot-missing", "StructureDefinition.differential")]


def test_a_differential_that_is_none_is_refused_and_not_a_crash(core):
    wrong = profile("urn:x", "Patient", {"min": 1})

    assert problems(core, wrong) == [("structure-broken", "StructureDefinition.differential")]
