"""Everything that is wrong with an expression, at once, with its place.

Spec: http://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation
"""

from collections.abc import Iterator

import pytest

from fhir_server.definitions import Registry, load_registry
from fhir_server.fhirpath import Navigator, check_expression

WRONG_IN_THE_DEFINITIONS = {
    "inv-1": "asks an Extension and Event for elements of other types",
    "cid-0": "ChargeItemDefinition has no name",
    "con-3": "compares a CodeableConcept with a string",
    "que-7": "asks FHIR types whether they are System.Boolean, which none is",
    "ele-1": "stands on patterns (Event, Request ...) that have no id",
    "part-agree": "an example that asks a Patient for the extensions of a DocumentReference",
}
"""Expressions of R4 that are wrong as they stand, by invariant key or search parameter code."""


def invariants(registry: Registry) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Key, expression and types of the focus, of every element of every structure."""
    types = registry.types
    for structure in registry.resources("StructureDefinition"):
        for element in structure.get("snapshot", {}).get("element", ()):
            path = element["path"]
            has_own = bool(types.element_names(path)) or types.is_type(path)
            codes = [path] if has_own else [t["code"] for t in element.get("type", ())]
            focus = tuple("string" if code.startswith("http") else code for code in codes)
            for constraint in element.get("constraint", ()):
                if "expression" in constraint:
                    yield constraint["key"], constraint["expression"], focus


def test_no_invariant_of_r4_or_of_the_country_is_called_wrong() -> None:
    registry = load_registry()
    navigator = Navigator(registry.types)
    found = set(invariants(registry))
    assert len({(key, expression) for key, expression, _ in found}) > 248
    assert any(key.startswith("ua-") for key, _, _ in found)
    wrong = {
        key
        for key, expression, focus in found
        if check_expression(
            expression,
            registry.types,
            context_types=focus,
            variables={},
            is_condition=True,
            navigator=navigator,
        ).issues
    }
    assert wrong == WRONG_IN_THE_DEFINITIONS.keys() - {"part-agree"}


def test_no_search_expression_is_called_wrong(registry: Registry, navigator: Navigator) -> None:
    """A parameter of several types is a union, each part for one of them."""
    wrong = set()
    for parameter in registry.resources("SearchParameter"):
        if "expression" not in parameter:
            continue
        judged = check_expression(
            parameter["expression"],
            registry.types,
            context_types=tuple(parameter["base"]),
            variables={},
            navigator=navigator,
        )
        if judged.issues:
            wrong.add(parameter["code"])
    assert wrong == {"part-agree"}


def test_all_problems_are_told_at_once_with_their_places(registry: Registry) -> None:
    text = "nam.exists() and\n  birthdate > 5 and gender = 5 and active.foo() and %what.exists()"
    judged = check_expression(text, registry.types, context_types=("Patient",), variables={})
    assert [(i.rule, i.line, i.column) for i in judged.issues] == [
        ("fhirpath-unknown-element", 1, 1),
        ("fhirpath-unknown-element", 2, 3),
        ("fhirpath-never-equal", 2, 28),
        ("fhirpath-unknown-function", 2, 43),
        ("fhirpath-unknown-variable", 2, 53),
    ]
    assert judged.has_errors
    assert [i.suggestions for i in judged.issues[:2]] == [("name",), ("birthDate",)]


@pytest.mark.parametrize(
    ("context", "expression", "rule"),
    [
        ("Patient", "name.given", "fhirpath-no-condition"),
        ("Patient", "name is Period", "fhirpath-never-of-type"),
        ("Patient", "name.ofType(Period)", "fhirpath-never-of-type"),
        ("Patient", "gender = 1", "fhirpath-never-equal"),
        ("Patient", "name.where(is(Foo))", "fhirpath-unknown-type"),
        ("Patient", "name.(", "fhirpath-syntax"),
        ("Patient", "%nothing", "fhirpath-unknown-variable"),
    ],
)
def test_what_a_condition_cannot_be_is_told(
    context: str, expression: str, rule: str, registry: Registry
) -> None:
    judged = check_expression(
        expression, registry.types, context_types=(context,), variables={}, is_condition=True
    )
    assert rule in {issue.rule for issue in judged.issues}


def test_what_never_holds_is_a_remark_and_no_error(registry: Registry) -> None:
    judged = check_expression("gender = 1", registry.types, context_types=("Patient",))
    assert judged.issues
    assert not judged.has_errors


@pytest.mark.parametrize(
    ("context", "expression", "result"),
    [
        ("Patient", "name.given", "string[]"),
        ("Patient", "name.given.first()", "string"),
        ("Patient", "name[0].family", "string"),
        ("Patient", "birthDate", "date"),
        ("Patient", "birthDate + 1 year", "Date"),
        ("Patient", "name.count() + 1", "Integer"),
        ("Patient", "name.count() / 2", "Decimal"),
        ("Patient", "'a' & 1.toString()", "String"),
        ("Patient", "name | telecom", "ContactPoint | HumanName[]"),
        ("Patient", "name.exists() and true", "Boolean"),
        ("Patient", "'a,b'.split(',')", "String"),
        ("Patient", "managingOrganization.resolve()", "any[]"),
        ("Observation", "value.ofType(Quantity) * 2", "Quantity"),
        ("Questionnaire", "repeat(item)", "Questionnaire.item[]"),
        ("Patient", "iif(true, 1, 2)", "Integer"),
        ("Patient", "@T10:00 + 1 hour", "Time"),
        ("Patient", "name.(", ""),
    ],
)
def test_the_type_of_the_result_is_known(
    context: str, expression: str, result: str, registry: Registry
) -> None:
    judged = check_expression(expression, registry.types, context_types=(context,))
    assert judged.result == result


def test_variables_can_have_types(registry: Registry) -> None:
    judged = check_expression(
        "%patient.nam | %other.anything",
        registry.types,
        context_types=(),
        variables={"patient": "Patient", "other": None},
    )
    assert [issue.rule for issue in judged.issues] == ["fhirpath-unknown-element"]


def test_each_node_of_the_tree_has_a_type(registry: Registry) -> None:
    judged = check_expression("name.given", registry.types, context_types=("Patient",))
    tree = judged.tree
    assert tree is not None
    assert judged.type_of(tree) == "string[]"
    assert judged.type_of(tree.source) == "HumanName[]"  # type: ignore[union-attr] # a member
