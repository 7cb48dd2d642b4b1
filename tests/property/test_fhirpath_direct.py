"""Evaluation straight over JSON gives the verdict of the general one, however odd the JSON is.

Spec: http://hl7.org/fhirpath/N1/
"""

import copy
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions import Element, Registry, load_registry
from fhir_server.fhirpath import (
    Env,
    Expression,
    FhirPathError,
    Navigator,
    Node,
    compile_expression,
    node,
    root_node,
)
from fhir_server.model import decode_object

EXAMPLES = [
    path.read_bytes()
    for path in sorted((Path(__file__).parents[2] / "examples").rglob("*.json"))
    if path.stat().st_size < 8_000
]
FURTHER = (
    "value.exists()",
    "value.count() > 0",
    "value = 'x'",
    "value.ofType(string) = 'x'",
    "value.as(Quantity).unit = 'x'",
    "(value as CodeableConcept).coding.code = 'x'",
    "value.coding.exists()",
    "id = 'x' or id = 'y'",
    "extension.exists() xor id.exists()",
    "extension.where(value = true).empty()",
    "extension.first().value.exists()",
    "code.coding.code in ('a' | 'b')",
    "(id | language).count() <= 1",
    "active.not()",
    "deceased = false",
    "status != 'final'",
    "birthDate < now() - 1 day",
    "birthDate > today() - 14 years",
    "given.isDistinct()",
    "family.length() > 3",
    "period.start < period.end",
    "name.family.startsWith('A')",
    "text.status.hasValue()",
    "identifier.period.start.where($this < %resource.birthDate).empty()",
    "$this.toString().length() = 10",
    "value > 0",
)
ODD: tuple[Any, ...] = (
    *(None, 5, "x", [], {}, True, False, [None], ["x", None], [{}], {"id": "a"}, "official"),
    *("2020", "2024-05-31", "2024-05-31T10:30:00+03:00", "2024-13-45", "2024-W01-1"),
)
BESIDE = ({"id": "a"}, {"extension": [{"url": "x", "valueString": "s"}]}, [None, {"id": "b"}], 5)
NOT_COMPARED = ("resolve()", "memberOf(", "conformsTo(", "descendants()", "htmlChecks")


@cache
def known() -> tuple[Registry, Navigator, dict[str, set[str]]]:
    registry = load_registry()
    invariants: dict[str, set[str]] = defaultdict(set)

    def collect(element: Element, fhir_type: str) -> None:
        invariants[fhir_type].update(c.expression for c in element.constraints if c.expression)
        for child in (*element.children, *element.slices):
            for name in [ref.code for ref in child.types] or [child.path]:
                is_own = child.children and name in {"BackboneElement", "Element"}
                collect(child, child.path if is_own else name)

    for resource in registry.resources("StructureDefinition"):
        structure = registry.structure(str(resource["url"]))
        if structure is not None:
            collect(structure.root, structure.type)
    return registry, Navigator(registry.types), invariants


@cache
def expressions(fhir_type: str) -> list[tuple[Expression, Any]]:
    registry, navigator, invariants = known()
    found = []
    for text in (*sorted(invariants.get(fhir_type, ())), *FURTHER):
        if not any(name in text for name in NOT_COMPARED):
            expression = compile_expression(text, registry.types, navigator=navigator)
            found.append((expression, expression.test_of(fhir_type)))
    return found


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value with each of its keys."""
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if key != "resourceType":
            yield value, key
        if isinstance(item, dict | list):
            yield from places(item)


@st.composite
def odd_resource(draw: st.DrawFn) -> dict[str, Any]:
    resource = copy.deepcopy(decode_object(draw(st.sampled_from(EXAMPLES))))
    for _ in range(draw(st.integers(0, 6))):
        holder, key = draw(st.sampled_from(list(places(resource))))
        change = draw(st.sampled_from(("remove", "replace", "beside", "wrap", "value")))
        if change == "remove":
            del holder[key]
        elif change == "replace":
            holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
        elif change == "wrap":
            holder[key] = [holder[key], copy.deepcopy(holder[key])]
        elif isinstance(holder, dict):
            name = f"_{key}" if change == "beside" else draw(st.sampled_from(("valueString", "id")))
            holder[name] = copy.deepcopy(draw(st.sampled_from(BESIDE)))
    return resource


def nodes(at: Node, navigator: Navigator) -> Iterator[Node]:
    yield at
    for child in navigator.children(at):
        yield from nodes(child, navigator)


@settings(max_examples=60, deadline=None)
@given(odd_resource())
def test_every_invariant_has_the_same_verdict_straight_over_json(resource: dict[str, Any]) -> None:
    registry, navigator, _ = known()
    root = root_node(resource, registry.types)
    env = Env(resource=root, root_resource=root)
    for at in nodes(root, navigator):
        if at.value is None:
            continue
        focus = node(at.value, at.fhir_type, at.sibling)
        for expression, test in expressions(at.fhir_type):
            assert _verdict(lambda e=expression, f=focus: e.holds(f, env)) == _verdict(
                lambda t=test, a=at: t(a.value, a.sibling, env)
            ), (expression.text, at.path)


def _verdict(ask: Any) -> bool | str:
    try:
        return bool(ask())
    except FhirPathError:
        return "fault"
