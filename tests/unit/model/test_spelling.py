"""Slips of the fingers, and the sentences that tell them."""

import pytest

from fhir_server.model import Slip, Text, hint_for, slip_between, typed_forms


def hint(word: str, meant: str) -> Text:
    found = hint_for(word, meant)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("word", "meant", "slip"),
    [
        ("mаle", "male", Slip.LOOK_ALIKES),
        ("Рatient", "Patient", Slip.LOOK_ALIKES),
        ("ΡASSPORT", "PASSPORT", Slip.LOOK_ALIKES),
        ("Кiт", "Кіт", Slip.LOOK_ALIKES),
        ("ьфду", "male", Slip.KEYBOARD_LAYOUT),
        ("ПФЕШ", "gati", Slip.KEYBOARD_LAYOUT),
        ("rsd", "ків", Slip.KEYBOARD_LAYOUT),
        ("MALE", "male", Slip.LETTER_CASE),
        (" male ", "male", Slip.WHITE_SPACE),
        ("mal", "male", None),
        ("male", "male", None),
    ],
)
def test_the_slip_is_named(word: str, meant: str, slip: Slip | None) -> None:
    assert slip_between(word, meant) == slip


def test_the_hint_shows_the_strange_letters() -> None:
    assert "Cyrillic «а»" in hint("mаle", "male").en
    assert "кирилиця: «а»" in hint("mаle", "male").uk
    assert "Greek «Ρ»" in hint("ΡASSPORT", "PASSPORT").en
    assert "латиниця: «i»" in hint("Кiт", "Кіт").uk


@pytest.mark.parametrize(
    ("word", "meant", "rule"),
    [
        ("mаle", "male", "hint-look-alikes"),
        ("ьфду", "male", "hint-keyboard-layout"),
        ("Male", "male", "hint-letter-case"),
        ("male ", "male", "hint-white-space"),
    ],
)
def test_each_hint_is_a_message(word: str, meant: str, rule: str) -> None:
    assert slip_between(word, meant) == rule
    assert f"«{meant}»" in hint(word, meant).uk


def test_what_is_no_slip_has_no_hint() -> None:
    assert hint_for("mal", "male") is None


def test_a_word_has_the_forms_it_may_have_been_typed_for() -> None:
    assert {"ьфду", "male"} <= set(typed_forms("ьфду"))
