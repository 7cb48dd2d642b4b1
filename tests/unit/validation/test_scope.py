"""What one validation call shares: indexes of contained resources, a limit to comparisons."""

import gc
from typing import Any

import pytest

from fhir_server.validation import Validator, scope
from fhir_server.validation.scope import Contained, Run, Scope


def a_scope(resource: dict[str, Any]) -> Scope:
    return Scope(Run(_Table(), None), resource)  # type: ignore[arg-type] # asked for options only


class _Table:
    class options:  # noqa: N801 # stands for an attribute
        unknown_profile = "warning"


def test_the_first_contained_resource_of_an_id_counts() -> None:
    first, second = {"id": "a", "n": 1}, {"id": "a", "n": 2}
    found = Contained.of({"contained": [first, second, None, {"id": 5}, {}]})
    assert found.by_id == {"a": first}
    assert id(second) in found.identities


def test_a_resource_is_indexed_once() -> None:
    here = a_scope({"contained": [{"id": "a"}]})
    assert here.run.contained(here.root) is here.run.contained(here.root)
    assert here.inside(here.root["contained"][0]).is_contained
    assert not here.inside({"id": "a"}).is_contained


def test_words_are_compared_until_it_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resource with three hundred thousand misspelt properties took 18 s."""
    monkeypatch.setattr(scope, "MOST_COMPARED", 3)
    run = a_scope({}).run
    assert run.nearest("nmae", ["name", "telecom"]) == ("name",)
    assert run.nearest("nmae", ["name", "telecom"]) == ("name",)
    assert run.nearest("nmae", ["name", "telecom"]) == ()


def test_a_validated_resource_leaves_no_circles(base_validator: Validator) -> None:
    """Circles kept every resource in memory until the collector came by."""
    resource = {
        "resourceType": "Patient",
        "contact": [{"gender": "male", "name": {"family": "А"}}],
        "contained": [{"resourceType": "Patient", "id": "a", "active": True}],
    }
    base_validator.validate(resource)  # plans are made once, and have circles
    gc.collect()
    gc.disable()
    try:
        base_validator.validate(resource)
        assert gc.collect() == 0
    finally:
        gc.enable()
