"""The nearest right word."""

import pytest

from fhir_server.validation.suggestion import mistyped, nearest, safe_choice

GENDERS = ("male", "female", "other", "unknown")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("mal", "male"),
        ("MALE", "male"),
        ("ьфду", "male"),
        ("mаle", "male"),
        ("femal", "female"),
        ("unknwon", "unknown"),
    ],
)
def test_the_best_suggestion(word: str, expected: str) -> None:
    assert nearest(word, GENDERS)[0] == expected


def test_a_word_like_none_has_no_suggestion() -> None:
    assert nearest("qqqq", GENDERS) == ()


def test_what_the_fingers_meant() -> None:
    assert mistyped("щерук", GENDERS) == "other"
    assert mistyped("male", GENDERS) == "male"
    assert mistyped("mal", GENDERS) is None


@pytest.mark.parametrize(
    ("word", "suggestions", "choice"),
    [
        ("mal", ("male",), "male"),
        ("mlae", ("male",), "male"),
        ("mald", ("male",), "male"),
        ("mаle", ("male",), "male"),
        ("ma", ("male",), None),
        ("m", ("male",), None),
        ("mal", ("male", "other"), None),
        ("maleness", ("male",), None),
    ],
)
def test_only_one_slip_is_mended_without_asking(
    word: str, suggestions: tuple[str, ...], choice: str | None
) -> None:
    assert safe_choice(word, suggestions) == choice
