"""The nearest right word: spelling, letters of the other alphabet, the other keyboard layout.

What people meet in practice: ``mаle`` with a Cyrillic «а», ``ьфду`` typed on the wrong layout,
``femal``.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from fhir_server.model import typed_forms

_MOST_CANDIDATES = 3_000
_MOST_SUGGESTIONS = 3
_LIKENESS = 0.7
"""Below it words have little in common: difflib's 0.6 offers Specimen for «Pacient»."""


def nearest(word: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Return up to three candidates that ``word`` was probably meant to be, best first."""
    known = list(islice(candidates, _MOST_CANDIDATES))
    exact = mistyped(word, known)
    if exact is not None:
        return (exact,)
    folded = {candidate.casefold(): candidate for candidate in reversed(known)}
    close = get_close_matches(word.casefold(), folded, n=_MOST_SUGGESTIONS, cutoff=_LIKENESS)
    if not close:
        slips = (other for other in folded if _is_one_slip(word.casefold(), other))
        close = list(islice(slips, _MOST_SUGGESTIONS))
    return tuple(folded[found] for found in close)


def mistyped(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate typed with look-alikes, on another layout or in another case."""
    by_fold = {candidate.casefold(): candidate for candidate in candidates}
    return next((by_fold[form] for form in typed_forms(word) if form in by_fold), None)


def safe_choice(word: str, suggestions: tuple[str, ...]) -> str | None:
    """Return the suggestion that can replace ``word`` without doubt: the only one, a slip away."""
    if len(suggestions) != 1:
        return None
    choice = suggestions[0]
    if mistyped(word, suggestions) is not None or _is_one_slip(word, choice):
        return choice
    return None


def _is_one_slip(word: str, other: str) -> bool:
    """Say whether one letter is added, left out, changed or swapped with its neighbour."""
    shorter, longer = sorted((word, other), key=len)
    if len(shorter) < 3 or len(longer) - len(shorter) > 1:  # noqa: PLR2004 # "m" means too much
        return False
    start = 0
    while start < len(shorter) and shorter[start] == longer[start]:
        start += 1
    left, right = shorter[start:], longer[start:]
    if len(left) < len(right):
        return left == right[1:]
    return left[1:] == right[1:] or (left[:2] == right[:2][::-1] and left[2:] == right[2:])
