"""The door: evaluation, invariants, variables, host, limits."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from fhir_server.definitions import Registry
from fhir_server.fhirpath import (
    Env,
    FhirPathError,
    Navigator,
    Node,
    compile_expression,
    node,
    root_node,
)
from tests.unit.fhirpath.conftest import Evaluate

PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "name": [{"family": "Chalmers", "given": ["Peter", None], "_given": [None, {"id": "g"}]}],
    "deceasedBoolean": False,
    "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
}


class KnowsAll:
    """A host that answers everything in a way that shows what it was asked."""

    def resolve(self, reference: str, node: Node) -> Node | None:
        return Node({"resourceType": "Group", "id": reference}, "Group")

    def member_of(self, node: Node, value_set: str) -> bool | None:
        return bool(node.value == value_set)

    def conforms_to(self, node: Node, profile: str) -> bool | None:
        return node.fhir_type == profile

    def element_definition(self, node: Node) -> Node | None:
        return Node({"path": node.pointer}, "ElementDefinition")

    def in_slice(self, node: Node, structure: str, name: str) -> bool | None:
        return bool(node.value.get("use") == name)


def holds(text: str, focus: Node | Sequence[Node], registry: Registry) -> bool:
    return compile_expression(text, registry.types).holds(focus)


def test_a_node_knows_its_place(registry: Registry) -> None:
    compiled = compile_expression("name.given | deceased", registry.types)
    found = compiled.evaluate(root_node(PATIENT, registry.types))
    assert [(n.path(registry.types), n.pointer, n.fhir_type) for n in found] == [
        ("Patient.name[0].given[0]", "/name/0/given/0", "string"),
        ("Patient.name[0].given[1]", "/name/0/given/1", "string"),
        ("Patient.deceased", "/deceasedBoolean", "boolean"),
    ]
    assert (found[1].value, found[1].sibling) == (None, {"id": "g"})


@pytest.mark.parametrize("resource", [{}, {"resourceType": 5}, {"resourceType": "HumanName"}])
def test_a_root_must_be_a_resource(resource: dict[str, object], registry: Registry) -> None:
    with pytest.raises(ValueError, match="no resource type"):
        root_node(resource, registry.types)


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("true", True),
        ("false", False),
        ("{}", False),
        ("name.exists()", True),
        ("deceased", False),
        ("deceased.not()", True),
        ("name", True),
        ("name.given", True),
        ("photo", False),
        ("1 | 2", True),
    ],
)
def test_an_invariant_holds_unless_false_or_empty(
    expression: str, verdict: bool, registry: Registry
) -> None:
    assert holds(expression, root_node(PATIENT, registry.types), registry) is verdict


def test_a_failing_invariant_is_an_error(registry: Registry) -> None:
    with pytest.raises(FhirPathError):
        holds("1 < 'a'", root_node(PATIENT, registry.types), registry)
    with pytest.raises(FhirPathError):
        holds("1 + 'a'", root_node(PATIENT, registry.types), registry)


def test_elements_are_evaluated_from_where_the_caller_found_them(registry: Registry) -> None:
    period = node({"start": "2024-05-01", "end": "2024-04-01"}, "Period")
    assert not holds("start <= end", period, registry)
    absent = node(None, "date", {"extension": [{"url": "http://x", "valueCode": "unknown"}]})
    assert holds("hasValue().not() and extension.exists()", absent, registry)
    assert holds("name.exists()", node({"name": {"text": "x"}}, "Patient.contact"), registry)


def test_the_result_may_be_changed_without_harm(registry: Registry) -> None:
    compiled = compile_expression("'a'", registry.types)
    compiled.evaluate([]).clear()
    assert len(compiled.evaluate([])) == 1


def test_now_stands_still_during_an_evaluation(evaluate: Evaluate) -> None:
    now = datetime(2024, 2, 29, 10, 30, 15, 123456, tzinfo=UTC)
    env = Env(now=now)
    assert evaluate("now()", env=env) == ["2024-02-29T10:30:15.123Z"]
    assert evaluate("today()", env=env) == ["2024-02-29"]
    assert evaluate("timeOfDay()", env=env) == ["10:30:15.123"]
    assert evaluate("now() = now() and today() - 1 year = @2023-02-28", env=env) == [True]
    assert evaluate("now() = now()") == [True]


def test_variables_come_from_the_environment(registry: Registry) -> None:
    given = Env(variables={"n": [node(1, "integer"), node(2, "integer")]})
    compiled = compile_expression("%n.aggregate($this + $total, 0)", registry.types)
    assert [n.value for n in compiled.evaluate([], given)] == [3]


def test_resource_variables_follow_containment(registry: Registry, evaluate: Evaluate) -> None:
    expressions = "contained.select(%resource.id & '/' & %rootResource.id & '/' & %context.id)"
    assert evaluate(expressions, PATIENT) == ["p/p/p"]
    root = root_node(PATIENT, registry.types)
    (inside,) = compile_expression("contained.name", registry.types).evaluate(root)
    compiled = compile_expression("%resource.id | %rootResource.id | %context", registry.types)
    assert [n.value for n in compiled.evaluate(inside)] == ["o", "p", "x"]
    named = Env(resource=root, root_resource=root, context=root)
    assert [n.value for n in compiled.evaluate(inside, named)][:1] == ["p"]


def test_the_host_answers_what_lies_outside(evaluate: Evaluate) -> None:
    env = Env(host=KnowsAll())
    resource = {
        "resourceType": "Patient",
        "gender": "male",
        "name": [{"use": "usual", "family": "a"}, {"use": "old", "family": "b"}],
        "managingOrganization": {"reference": "Group/1"},
    }
    assert evaluate("managingOrganization.resolve().id", resource, env) == ["Group/1"]
    assert evaluate("managingOrganization.resolve() is Group", resource, env) == [True]
    assert evaluate("gender.memberOf('male')", resource, env) == [True]
    assert evaluate("gender.conformsTo('x')", resource, env) == [False]
    assert evaluate("name.slice('http://p', 'old').family", resource, env) == ["b"]
    assert evaluate("name.elementDefinition().path", resource, env) == [
        "/name/0",
        "/name/1",
    ]


def test_trace_shows_and_passes_on(evaluate: Evaluate) -> None:
    seen: list[tuple[str, list[object]]] = []
    env = Env(trace=lambda name, nodes: seen.append((name, [n.value for n in nodes])))
    assert evaluate("name.trace('all', family).given.trace('given').count()", PATIENT, env) == [2]
    assert seen == [("all", ["Chalmers"]), ("given", ["Peter", None])]


def test_only_a_strict_evaluation_refuses_many_items_for_as(registry: Registry) -> None:
    resource = {"resourceType": "Patient", "name": [{"family": "a"}, {"family": "b"}]}
    root = root_node(resource, registry.types)
    text = "name.as(HumanName).family"
    assert len(compile_expression(text, registry.types).evaluate(root)) == 2
    with pytest.raises(FhirPathError):
        compile_expression(text, registry.types, is_strict=True).evaluate(root)


def test_only_a_strict_evaluation_asks_iif_for_a_boolean(registry: Registry) -> None:
    text = "iif('a', 1, 2)"
    assert compile_expression(text, registry.types).evaluate([])[0].value == 1
    with pytest.raises(FhirPathError):
        compile_expression(text, registry.types, is_strict=True).evaluate([])
    named = compile_expression("iif(name, 1, 2)", registry.types, is_strict=True)
    root = root_node({"resourceType": "Patient", "name": [{"text": "x"}]}, registry.types)
    assert named.evaluate(root)[0].value == 1


@pytest.mark.parametrize(
    "expression",
    [
        "repeatAll($this)",
        "(1).repeat($this + 1)",
        "descendants().select(%resource.descendants().select(%resource.descendants()))",
        "descendants().where(%resource.descendants().where(%resource.descendants()"
        ".exists($this = 1)).exists())",
        "descendants().all($this in %resource.descendants())",
        "('a' | 'b').aggregate($total.combine($total).combine($total), 1).repeatAll($this | $this)",
    ],
)
def test_a_hostile_expression_stops(expression: str, registry: Registry) -> None:
    entries = [{"resource": {"resourceType": "Patient", "id": str(i)}} for i in range(400)]
    bundle = root_node(
        {"resourceType": "Bundle", "type": "collection", "entry": entries}, registry.types
    )
    with pytest.raises(FhirPathError) as raised:
        compile_expression(expression, registry.types).evaluate(bundle)
    assert raised.value.issues[0].rule == "fhirpath-too-costly"


@pytest.mark.parametrize(
    "expression",
    [
        "('a').repeat($this & $this)",
        "('a')" + f".select(replace('a', '{'a' * 99}'))" * 5,
    ],
)
def test_a_string_does_not_grow_without_bound(expression: str, evaluate: Evaluate) -> None:
    with pytest.raises(FhirPathError) as raised:
        evaluate(expression)
    assert raised.value.issues[0].rule == "fhirpath-argument"


def test_expressions_over_one_model_share_what_they_learn(registry: Registry) -> None:
    navigator = Navigator(registry.types)
    root = root_node(PATIENT, registry.types)
    for text in ("name.given", "name.family"):
        assert compile_expression(text, registry.types, navigator=navigator).evaluate(root)
    assert navigator.member("name") is navigator.member("name")
