"""Two hundred faults, each put alone into a valid resource: found once, by its rule, at its place.

The kinds are data (``tests/support/faults.yaml``); the places come from the national examples.
Where the fault stands in the text is told by a mark that is looked for, not by the code under test.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.model import Issue, JsonText, decode_object, encode_pretty, with_positions
from fhir_server.xml import XmlCodec
from tests.support.faults import CHANGES, KINDS, MARK, Fault, applies, places, with_value
from tests.support.national import EXAMPLES, valid_examples, validator

LEAST_FAULTS = 200
ENOUGH_IN_A_FILE = 2

Json = dict[str, Any]


def seeded(kind: Json) -> Iterator[tuple[str, Json, Fault]]:
    """Yield as many faults of a kind as asked for, of different places and files."""
    seen: set[str] = set()
    count = 0
    for path in valid_examples():
        if "demo" in path.parts:
            continue
        resource = decode_object(path.read_bytes())
        here = 0
        for place in places(resource, validator().registry.types):
            if here == ENOUGH_IN_A_FILE or count == kind["most"]:
                break
            if place.kind in seen or not applies(kind, place):
                continue
            fault = CHANGES[kind["change"]](resource, place)
            if fault is None:
                continue
            seen.add(place.kind)
            here += 1
            count += 1
            yield f"{path.relative_to(EXAMPLES).as_posix()}{place.pointer}", resource, fault


FAULTS = [
    pytest.param(kind, fault, id=f"{kind['name']}: {name}")
    for kind in KINDS
    for name, _, fault in seeded(kind)
]


def place_of_finding(kind: Json, fault: Fault) -> tuple[str | int, ...]:
    steps = fault.steps[: len(fault.steps) - kind.get("above", 0)]
    return steps if len(kind.get("below", ())) < 2 else (*steps, *kind["below"][1:])


def position(text: str) -> tuple[int, int]:
    """Line and column of the mark, both from 1."""
    before, _, _ = text.partition(json.dumps(MARK))
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def told(issues: list[Issue]) -> list[str]:
    return [f"{i.rule} @ {i.pointer}: {i.text.en}" for i in issues]


def test_there_are_two_hundred_faults() -> None:
    assert len(FAULTS) >= LEAST_FAULTS
    assert {kind["name"] for kind in KINDS} == {p.values[0]["name"] for p in FAULTS}  # type: ignore[index] # a kind


@pytest.mark.parametrize(("kind", "fault"), FAULTS)
def test_the_fault_is_the_one_error_and_in_its_place(kind: Json, fault: Fault) -> None:
    steps = place_of_finding(kind, fault)
    text = encode_pretty(fault.resource).decode()
    marked = encode_pretty(with_value(fault.resource, steps, MARK)).decode()
    found = with_positions(validator().validate(decode_object(text.encode())), JsonText(text))
    errors = [issue for issue in found if issue.is_error]
    assert len(errors) == 1, told(errors)
    assert errors[0].rule in kind.get("rules", [kind["rule"]]), told(errors)
    assert errors[0].pointer == "".join(f"/{step}" for step in steps)
    assert (errors[0].line, errors[0].column) == position(marked)


XML_FAULTS = [p for p in FAULTS if p.values[0].get("xml")]  # type: ignore[union-attr] # a kind


@pytest.mark.parametrize(("kind", "fault"), XML_FAULTS)
def test_the_fault_is_found_in_the_same_place_of_xml(kind: Json, fault: Fault) -> None:
    codec = XmlCodec(validator().registry.types)
    marked = codec.encode_pretty(with_value(fault.resource, fault.steps, MARK)).decode()
    value = fault.resource
    for step in fault.steps:
        value = value[step]  # type: ignore[index] # steps lead to it
    body = marked.replace(MARK, str(value)).encode()
    found = with_positions(validator().validate(codec.decode(body)), codec.posted(body))
    errors = [issue for issue in found if issue.is_error]
    assert len(errors) == 1, told(errors)
    assert errors[0].rule in kind.get("rules", [kind["rule"]]), told(errors)
    start = marked.rfind("<", 0, marked.index(MARK))
    column = start - marked.rfind("\n", 0, start)
    assert (errors[0].line, errors[0].column) == (marked.count("\n", 0, start) + 1, column)
