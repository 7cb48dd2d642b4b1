"""Slips of the fingers: letters of another alphabet, the other keyboard layout, case, white space.

What people meet in practice: ``mаle`` with a Cyrillic «а», ``ьфду`` for ``male`` on the Ukrainian
layout, ``vskm`` for «міль» on the English one, ``Male``, ``male `` with a space behind it.
"""

from enum import StrEnum

from fhir_server.model.messages import Text, message

_CYRILLIC = "аеорсухіїјѕԁһӏԛԝАВЕЗКМНОРСТУХІЇЈЅԚԜ"
_LATIN_FOR_CYRILLIC = "aeopcyxiïjsdhlqwABE3KMHOPCTYXIÏJSQW"
_GREEK = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανκρ"
_LATIN_FOR_GREEK = "ABEZHIKMNOPTYXoavkp"
_UKRAINIAN_KEYS = "йцукенгшщзхїфівапролджєячсмитьбю'ЙЦУКЕНГШЩЗХЇФІВАПРОЛДЖЄЯЧСМИТЬБЮ"
_ENGLISH_KEYS = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>"

_TO_LATIN = str.maketrans(_CYRILLIC + _GREEK, _LATIN_FOR_CYRILLIC + _LATIN_FOR_GREEK)
_TO_CYRILLIC = str.maketrans("aeopcyxijABEKMHOPCTYXI", "аеорсухіјАВЕКМНОРСТУХІ")
_TO_ENGLISH_KEYS = str.maketrans(_UKRAINIAN_KEYS, _ENGLISH_KEYS)
_TO_UKRAINIAN_KEYS = str.maketrans(_ENGLISH_KEYS, _UKRAINIAN_KEYS)


class Slip(StrEnum):
    """How a word came to differ from the one that was meant; the hint of it is its value."""

    LOOK_ALIKES = "hint-look-alikes"
    KEYBOARD_LAYOUT = "hint-keyboard-layout"
    LETTER_CASE = "hint-letter-case"
    WHITE_SPACE = "hint-white-space"


def typed_forms(word: str) -> tuple[str, ...]:
    """Return what somebody who typed ``word`` may have meant, without regard to case."""
    plain = " ".join(word.split())
    tables = (_TO_LATIN, _TO_CYRILLIC, _TO_ENGLISH_KEYS, _TO_UKRAINIAN_KEYS)
    forms = (word, plain, *(plain.translate(table) for table in tables))
    return tuple(dict.fromkeys(form.casefold() for form in forms))


def slip_between(word: str, meant: str) -> Slip | None:
    """Say by which slip ``meant`` became ``word``; None: they differ in more, or not at all."""
    if word == meant:
        return None
    plain, folded = " ".join(word.split()), meant.casefold()
    if plain == meant:
        return Slip.WHITE_SPACE
    if plain.casefold() == folded:
        return Slip.LETTER_CASE
    if folded in {plain.translate(_TO_LATIN).casefold(), plain.translate(_TO_CYRILLIC).casefold()}:
        return Slip.LOOK_ALIKES
    layouts = (plain.translate(_TO_ENGLISH_KEYS), plain.translate(_TO_UKRAINIAN_KEYS))
    return Slip.KEYBOARD_LAYOUT if folded in {form.casefold() for form in layouts} else None


def hint_for(word: str, meant: str) -> Text | None:
    """Return the sentence that tells which slip ``word`` is; None: it is none."""
    slip = slip_between(word, meant)
    if slip is None:
        return None
    return message(slip).text({"meant": meant, "letters": _foreign_letters(word, meant)})


def _foreign_letters(word: str, meant: str) -> Text:
    """Name the letters of ``word`` that are of another alphabet than those of ``meant``."""
    plain = " ".join(word.split())
    strange = [a for a, b in zip(plain, meant, strict=False) if a.casefold() != b.casefold()]
    letters = ", ".join(f"«{letter}»" for letter in dict.fromkeys(strange))
    is_cyrillic = any("\u0400" <= letter <= "\u052f" for letter in strange)
    if is_cyrillic:
        return Text(en=f"Cyrillic {letters}", uk=f"кирилиця: {letters}")
    is_greek = any("\u0370" <= letter <= "\u03ff" for letter in strange)
    if is_greek:
        return Text(en=f"Greek {letters}", uk=f"грецька абетка: {letters}")
    return Text(en=f"Latin {letters}", uk=f"латиниця: {letters}")
