"""Text as string searches compare it: no matter the case, Latin accents, apostrophes and spacing.

Accents are dropped from Latin letters only: ``Müller`` is found by ``muller``, but й is another
letter than и, ї than і and ґ than г, and stays so. The Ukrainian apostrophe is written in many ways
and left out in some documents, so that all of its spellings are dropped.

Spec: https://hl7.org/fhir/R4/search.html#string
"""

import re
import unicodedata

_APOSTROPHES = re.compile("['`´’‘‛ʼʹʽ′＇]")
_STRUCK = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i",
    "ð": "d", "æ": "ae", "œ": "oe", "þ": "th",
})  # fmt: skip
"""Latin letters that no decomposition takes apart."""
_PLAIN = re.compile(r"[\x00-\x7fА-Яа-яЄІЇҐєіїґ’ʼ№–—«»]*")
"""Letters that decomposition would only put together again."""
_LATIN_MARKS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
_STRESS = re.compile(r"(?<=[аеєиіїоуюя\u0308])\u0301")
"""Stress marks on Ukrainian vowels, as dictionaries print them."""


def fold(text: str) -> str:
    """Return ``text`` in the form that is compared; the same for the index and for the query."""
    folded = _APOSTROPHES.sub("", text)
    folded = folded.lower() if folded.isascii() else _fold_letters(folded)
    return " ".join(folded.split())


def _fold_letters(text: str) -> str:
    folded = text.casefold()
    if _PLAIN.fullmatch(folded) is not None:
        return folded
    apart = unicodedata.normalize("NFKD", folded).translate(_STRUCK)
    return unicodedata.normalize("NFC", _STRESS.sub("", _LATIN_MARKS.sub("", apart))).casefold()
