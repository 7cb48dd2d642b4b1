"""Compartments of R4."""

import pytest


@pytest.mark.parametrize(
    ("code", "resource_type", "parameters"),
    [
        ("Patient", "Observation", ("subject", "performer")),
        ("Patient", "Patient", ("link",)),
        ("Encounter", "Condition", ("encounter",)),
        ("Device", "Account", ("subject",)),
    ],
)
def test_a_compartment_knows_the_parameters_of_a_type(core, code, resource_type, parameters):
    assert core.compartment(code).parameters[resource_type] == parameters


def test_types_outside_of_a_compartment_are_not_there(core):
    assert "Medication" not in core.compartment("Patient").parameters
    assert core.compartment("Organization") is None
