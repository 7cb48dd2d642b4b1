"""Tokens and trees: what is understood, what is refused, and where."""

import pytest

from fhir_server.definitions import Registry
from fhir_server.fhirpath import FhirPathError, compile_expression
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.lexer import tokens
from fhir_server.fhirpath.parser import parse
from fhir_server.fhirpath.tree import Binary, Call, Index, Member, Number, String, Unary, height


def test_operators_bind_as_the_grammar_says() -> None:
    assert parse("1 + 2 * 3") == Binary("+", Number("1"), Binary("*", Number("2"), Number("3")))


def test_a_sign_binds_looser_than_a_step() -> None:
    assert parse("-1.abs()") == Unary("-", Call(Number("1"), "abs", ()))


def test_equal_operators_group_to_the_left() -> None:
    assert str(parse("1 - (2 - 3)")) == "1 - (2 - 3)"
    assert str(parse("(1 - 2) - 3")) == "1 - 2 - 3"


@pytest.mark.parametrize("word", ["as", "contains", "in", "is", "day", "years"])
def test_a_keyword_may_name_an_element(word: str) -> None:
    assert parse(f"a.{word}") == Member(Member(None, "a"), word)


def test_any_name_may_stand_between_backticks() -> None:
    assert parse("`a b`.`div`[0]") == Index(Member(Member(None, "a b"), "div"), Number("0"))
    assert str(parse("`a b`.`div`[0]")) == "`a b`.`div`[0]"


def test_comments_and_line_breaks_are_space() -> None:
    assert parse("1 // one\n + /* two\n */ 2") == parse("1 + 2")


def test_escapes_are_resolved() -> None:
    assert parse(r"'\'\n\u0416\ud83d\ude00\`'") == String("'\nЖ😀`")


@pytest.mark.parametrize(
    ("text", "line", "column", "rule"),
    [
        ("", 1, 1, "fhirpath-syntax"),
        ("a.\n  .b", 2, 3, "fhirpath-syntax"),
        ("a b", 1, 3, "fhirpath-syntax"),
        ("(a", 1, 3, "fhirpath-syntax"),
        ("a[1", 1, 4, "fhirpath-syntax"),
        ("f(a b)", 1, 5, "fhirpath-syntax"),
        ("a is", 1, 5, "fhirpath-syntax"),
        ("{a}", 1, 2, "fhirpath-syntax"),
        ("$that", 1, 1, "fhirpath-syntax"),
        ("'open", 1, 1, "fhirpath-syntax"),
        ("`open", 1, 1, "fhirpath-syntax"),
        ("1 /* open", 1, 3, "fhirpath-syntax"),
        ("a ? b", 1, 3, "fhirpath-syntax"),
        ("@T10:00Z", 1, 8, "fhirpath-syntax"),
        (r"'\x'", 1, 2, "fhirpath-literal"),
        (r"'\ud83d'", 1, 2, "fhirpath-literal"),
        ("@2024-13", 1, 1, "fhirpath-literal"),
        ("@T25", 1, 1, "fhirpath-literal"),
        ("1" * 41, 1, 1, "fhirpath-literal"),
        ("a.\nfoo()", 2, 1, "fhirpath-unknown-function"),
        ("a.where()", 1, 3, "fhirpath-arity"),
        ("a is Foo", 1, 6, "fhirpath-unknown-type"),
        ("a.ofType('x')", 1, 10, "fhirpath-unknown-type"),
        ("a" * 20_001, 1, 20_001, "fhirpath-too-long"),
        ("(" * 60 + "a" + ")" * 60, 1, 52, "fhirpath-too-deep"),
        (".".join("a" * 200), 1, 399, "fhirpath-too-deep"),
    ],
)
def test_a_refusal_says_where_and_why(
    text: str, line: int, column: int, rule: str, registry: Registry
) -> None:
    with pytest.raises(FhirPathError) as raised:
        compile_expression(text, registry.types)
    error = raised.value
    assert (error.line, error.column, error.issues[0].rule) == (line, column, rule)
    assert error.status == 400


def test_a_misspelt_function_gets_its_nearest_name(registry: Registry) -> None:
    with pytest.raises(FhirPathError, match=r"nearest: exists\(\)"):
        compile_expression("name.exist()", registry.types)


def test_height_counts_the_longest_way_down() -> None:
    assert height(parse("a")) == 1
    assert height(parse("a.b + c.d.e[0]")) == 5


def test_a_lone_percent_is_refused() -> None:
    with pytest.raises(Fault):
        list(tokens("a % 1"))
