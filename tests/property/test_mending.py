"""A proposed patch is safe: applied, its finding is gone and no error is new."""

import copy
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fhir_server.definitions import load_registry
from fhir_server.model import Issue, decode_object
from fhir_server.terminology import Terminology
from fhir_server.validation import ValidationOptions, Validator
from tests.support.faults import CHANGES, KINDS, applies, places

EXAMPLES = [
    path
    for path in sorted((Path(__file__).parents[2] / "examples").rglob("*.json"))
    if not {"demo", "invalid"} & set(path.parts) and "broken" not in path.name
]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def validator() -> Validator:
    registry = load_registry()
    return Validator(registry, Terminology(registry), ValidationOptions())


def errors(issues: list[Issue]) -> set[tuple[str, str | None]]:
    return {(issue.rule, issue.pointer) for issue in issues if issue.is_error}


def broken(data: st.DataObject, validator: Validator) -> Json:
    """Draw an example with one fault that makes sense where it is."""
    resource = decode_object(data.draw(st.sampled_from(EXAMPLES)).read_bytes())
    found = list(places(resource, validator.registry.types))
    kind = data.draw(st.sampled_from(KINDS))
    fitting = [place for place in found if applies(kind, place)]
    assume(fitting)
    fault = CHANGES[kind["change"]](resource, data.draw(st.sampled_from(fitting)))
    assume(fault is not None)
    assert fault is not None
    return fault.resource


@given(data=st.data())
@settings(max_examples=600, deadline=None)
def test_a_patch_removes_its_issue_and_adds_no_error(data, validator) -> None:
    resource = broken(data, validator)
    before = validator.validate(resource)
    for found in before:
        if found.patch is None:
            continue
        mended = jsonpatch.apply_patch(copy.deepcopy(resource), list(found.patch))
        after = validator.validate(mended)
        assert (found.rule, found.pointer) not in {(i.rule, i.pointer) for i in after}, found
        assert errors(after) <= errors(before), found
