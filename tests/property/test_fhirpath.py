"""Laws of FHIRPath that hold for every expression and every value.

Spec: http://hl7.org/fhirpath/N1/
"""

from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions import TypeTable, load_registry
from fhir_server.fhirpath import FhirPathError, compile_expression, root_node, ucum
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.functions import FUNCTIONS
from fhir_server.fhirpath.parser import parse
from fhir_server.fhirpath.tree import (
    PRECEDENCE,
    Binary,
    Boolean,
    Call,
    Empty,
    Index,
    Member,
    Number,
    Quantity,
    Special,
    String,
    Temporal,
    Tree,
    TypeName,
    TypeOperation,
    Unary,
    Variable,
)

NAMES = st.sampled_from(["name", "given", "div", "contains", "is", "a b", "a`b", "їжа", "Patient"])
NUMBERS = st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,9})?", fullmatch=True).map(Number)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TEMPORALS = st.sampled_from(
    ["2024", "2024T", "2024-05", "2024-05-01T", "2024-05-01T10:00:00.5+03:00", "T10", "T10:30:00"]
)
LEAVES = st.one_of(
    st.just(Empty()),
    st.booleans().map(Boolean),
    NUMBERS,
    TEXTS.map(String),
    TEMPORALS.map(Temporal),
    st.builds(Quantity, NUMBERS, TEXTS.filter(bool), st.just(False)),
    st.builds(Quantity, NUMBERS, st.sampled_from(["day", "years"]), st.just(True)),
    NAMES.map(Variable),
    st.sampled_from(["$this", "$index", "$total"]).map(Special),
    st.builds(Member, st.none(), NAMES),
)
OPERATORS = st.sampled_from([symbol for symbol in PRECEDENCE if symbol not in {"is", "as"}])
TYPES = st.builds(TypeName, st.sampled_from([None, "FHIR", "System"]), NAMES)


def branches(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    calls = st.sampled_from(sorted(FUNCTIONS))
    return st.one_of(
        st.builds(Member, inner, NAMES),
        st.builds(Call, inner, calls, st.lists(inner, max_size=2).map(tuple)),
        st.builds(Index, inner, inner),
        st.builds(Unary, st.sampled_from(["+", "-"]), inner),
        st.builds(Binary, OPERATORS, inner, inner),
        st.builds(TypeOperation, st.sampled_from(["is", "as"]), inner, TYPES),
    )


TREES = st.recursive(LEAVES, branches, max_leaves=12)
RESOURCE: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "birthDate": "1974-12",
    "_birthDate": {"extension": [{"url": "http://x", "valueDecimal": Decimal("1.50")}]},
    "name": [{"given": ["Peter", None], "_given": [None, {"id": "g"}]}, {"family": "Windsor"}],
    "contained": [{"resourceType": "Observation", "valueQuantity": {"value": 3, "code": "mg"}}],
}


@cache
def types() -> TypeTable:
    return load_registry(national=False).types


def results(text: str) -> list[Any] | None:
    """Values of an expression on the resource; None where it is refused or stops."""
    try:
        compiled = compile_expression(text, types())
        return [item.value for item in compiled.evaluate(root_node(RESOURCE, types()))]
    except FhirPathError:
        return None


@given(TREES)
def test_a_tree_prints_back_to_itself(tree: Tree) -> None:
    assert parse(str(tree)) == tree


@given(st.text(st.sampled_from("a1.'()[]{}$%`@T-:/*+|& \n\\<>=!~"), max_size=30))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        tree = parse(text)
    except Fault:
        return
    assert parse(str(tree)) == tree


@settings(max_examples=300)
@given(TREES)
def test_an_expression_gives_a_collection_or_a_refusal(tree: Tree) -> None:
    before = repr(RESOURCE)
    results(str(tree))
    assert repr(RESOURCE) == before


@given(TREES)
def test_its_printed_form_means_the_same(tree: Tree) -> None:
    text = str(tree)
    if "now()" not in text and "timeOfDay()" not in text:
        assert results(text) == results(str(parse(text)))


@given(TREES)
def test_faces_agree(tree: Tree) -> None:
    """``exists()``, ``empty()`` and ``count()`` look at one collection from three sides."""
    found = results(f"({tree})")
    if found is not None:
        assert results(f"({tree}).exists()") == [bool(found)]
        assert results(f"({tree}).empty()") == [not found]
        assert results(f"({tree}).count()") == [len(found)]


@given(TREES, st.sampled_from(["=", "!=", "<", ">", "+", "-", "*", "/", "div", "mod"]))
def test_empty_propagates_through_operators(tree: Tree, operator: str) -> None:
    assert results(f"({tree}) {operator} {{}}") in ([], None)
    assert results(f"{{}} {operator} ({tree})") in ([], None)


@given(TREES, TREES)
def test_union_does_not_repeat(left: Tree, right: Tree) -> None:
    united = results(f"(({left}) | ({right})).isDistinct()")
    assert united in ([True], None)


@given(
    st.decimals(-1000, 1000, places=3),
    st.sampled_from(["kg", "mg", "[lb_av]", "t"]),
    st.sampled_from(["g", "ug", "[oz_av]"]),
)
def test_units_convert_there_and_back(value: Decimal, code: str, target: str) -> None:
    there = ucum.convert(value, code, target)
    assert there is not None
    back = ucum.convert(there, target, code)
    assert back is not None
    assert abs(back - value) <= Decimal("1e-20")
