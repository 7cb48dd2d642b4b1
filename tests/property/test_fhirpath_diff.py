"""A patch made of the difference of two resources turns the one into the other.

Spec: https://hl7.org/fhir/R4/fhirpatch.html
"""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.interaction.fhirpath_diff import fhirpath_diff
from fhir_server.interaction.fhirpath_patch import apply_fhirpath_patch
from fhir_server.model import decode_object, encode
from tests.support.client import registry
from tests.support.random_resource import random_resource

TYPES = ("Patient", "Observation", "MedicationRequest", "Questionnaire", "Composition")
NOTE = {"extension": [{"url": "http://example.org/note", "valueString": "x"}]}


@st.composite
def resources(draw: st.DrawFn, resource_type: str) -> dict[str, Any]:
    """A random resource, some of whose primitive elements have extensions beside them."""
    made = _without_empties(draw(random_resource(registry().types, resource_type)))
    for key in [k for k, value in made.items() if isinstance(value, str | bool) and k != "id"]:
        if key != "resourceType" and draw(st.integers(0, 3)) == 0:
            made[f"_{key}"] = NOTE
            if draw(st.booleans()):
                del made[key]
    for name in made.get("name", []) if isinstance(made.get("name"), list) else []:
        if isinstance(name, dict) and "given" in name and draw(st.booleans()):
            name["_given"] = [NOTE, *[None] * (len(name["given"]) - 1)]
    if draw(st.booleans()):
        div = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
        made["text"] = {"status": draw(st.sampled_from(["generated", "additional"])), "div": div}
    return made


@settings(max_examples=60)
@given(data=st.data(), resource_type=st.sampled_from(TYPES))
def test_the_difference_of_two_resources_is_a_patch_from_one_to_the_other(
    data: st.DataObject, resource_type: str
) -> None:
    types = registry().types
    old = data.draw(resources(resource_type))
    new = data.draw(resources(resource_type) | _changed(old))
    patch = decode_object(encode(fhirpath_diff(old, new, types)))
    before = copy.deepcopy(old)
    assert decode_object(encode(apply_fhirpath_patch(old, patch, types))) == decode_object(
        encode(new)
    )
    assert old == before


def _without_empties(value: Any) -> Any:
    """FHIR knows no empty objects and lists."""
    if isinstance(value, dict):
        kept = {key: _without_empties(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ({}, [])}
    if isinstance(value, list):
        return [item for item in map(_without_empties, value) if item not in ({}, [])]
    return value


def _changed(old: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The same resource with one list shuffled, shortened or doubled."""

    @st.composite
    def change(draw: st.DrawFn) -> dict[str, Any]:
        new = copy.deepcopy(old)
        lists = sorted(key for key, value in new.items() if isinstance(value, list) and value)
        if lists:
            key = draw(st.sampled_from(lists))
            new[key] = draw(st.permutations([*new[key], *copy.deepcopy(new[key])]))
        return new

    return change()
