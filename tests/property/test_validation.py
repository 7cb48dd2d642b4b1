"""What holds for any JSON: the validator answers, and its answers point at something."""

import base64
import binascii
import copy
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions import load_registry
from fhir_server.model import decode_object
from fhir_server.terminology import Terminology
from fhir_server.validation import ValidationOptions, Validator
from fhir_server.validation.primitive import SCANNERS

EXAMPLES = [
    path.read_bytes()
    for path in sorted((Path(__file__).parents[2] / "examples").rglob("*.json"))
    if path.stat().st_size < 8_000 and "demo" not in path.parts
]
JUNK = st.sampled_from(
    [
        *(
            None,
            True,
            0,
            -1,
            Decimal("1.50"),
            "",
            " ",
            "a",
            "#a",
            "Patient/1",
            "2024-02-30",
            [],
            {},
        ),
        *([None], [[1]], {"id": "a"}, {"coding": 5}, {"coding": [{"code": [1]}]}, {"reference": 5}),
        *({"resourceType": "Patient"}, {"resourceType": 5}, {"extension": [{"url": "a"}]}),
    ]
)


@pytest.fixture(scope="module")
def validator() -> Validator:
    registry = load_registry()
    return Validator(registry, Terminology(registry), ValidationOptions(with_demands=True))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything below a value."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        found.append((*path, key))
        if isinstance(item, dict | list):
            found += places(item, (*path, key))
    return found


def put(resource: dict[str, Any], path: tuple[Any, ...], junk: Any) -> None:
    holder: Any = resource
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = copy.deepcopy(junk)


def at(resource: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        resource = resource[int(name)] if isinstance(resource, list) else resource[name]
    return resource


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_broken_example_gets_an_answer_that_points_into_it(data, validator) -> None:
    resource = decode_object(data.draw(st.sampled_from(EXAMPLES)))
    for _ in range(data.draw(st.integers(1, 3))):
        put(resource, data.draw(st.sampled_from(places(resource))), data.draw(JUNK))
    before = copy.deepcopy(resource)
    for found in validator.validate(resource):
        assert found.text.en
        at(resource, found.pointer or "")
    assert resource == before


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_removing_an_element_never_adds_a_maximum(data, validator) -> None:
    resource = decode_object(data.draw(st.sampled_from(EXAMPLES)))
    before = {i.expression for i in validator.validate(resource) if i.rule == "cardinality-max"}
    path = data.draw(st.sampled_from(places(resource)))
    holder = resource
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    after = {i.expression for i in validator.validate(resource) if i.rule == "cardinality-max"}
    assert after <= before


@given(st.dates())
def test_every_day_of_the_calendar_is_a_date(day: date) -> None:
    assert SCANNERS["date"](day.isoformat()) is None


@given(st.integers(1, 9999), st.integers(0, 19), st.integers(0, 39))
def test_a_date_is_one_that_python_knows(year: int, month: int, day: int) -> None:
    text = f"{year:04}-{month:02}-{day:02}"
    try:
        date.fromisoformat(text)
    except ValueError:
        assert SCANNERS["date"](text) is not None
    else:
        assert SCANNERS["date"](text) is None


@given(st.binary(min_size=1))
def test_what_is_encoded_as_base64_is_base64(value: bytes) -> None:
    assert SCANNERS["base64Binary"](base64.b64encode(value).decode()) is None


@given(st.text(alphabet="AZaz09+/=-_ ", min_size=1))
def test_base64_is_what_python_decodes_strictly(text: str) -> None:
    packed = "".join(text.split())
    try:
        decoded = binascii.a2b_base64(packed, strict_mode=True)  # lets one "=" too many pass
        again = base64.b64encode(decoded).decode()  # idle bits of the last letter may be other ones
        is_right = bool(packed) and (len(again), again.count("=")) == (
            len(packed),
            packed.count("="),
        )
    except binascii.Error:
        is_right = False
    assert (SCANNERS["base64Binary"](text) is None) == is_right or packed.strip("=") == ""


@given(st.sampled_from(sorted(SCANNERS)), st.one_of(st.text(), st.integers(), JUNK))
def test_scanners_never_raise(fhir_type: str, value: Any) -> None:
    SCANNERS[fhir_type](value)


def test_examples_are_there() -> None:
    assert len(EXAMPLES) > 20
    assert all(json.loads(text)["resourceType"] for text in EXAMPLES)
