"""The codes somebody probably meant.

A code is often mistyped, written in another case, or replaced by the display of the right one.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from fhir_server.terminology.display import names
from fhir_server.terminology.value_set import Member

MOST_SUGGESTIONS = 3
_MOST_MEMBERS = 5_000
_MOST_COMPARED = 300
"""Comparing costs 10 µs a candidate."""


def suggestions(code: str, members: Iterable[Member]) -> tuple[str, ...]:
    """Return codes whose own spelling, or one of whose names, is near ``code``; best first."""
    folded = code.casefold()
    near: dict[str, str] = {}
    for member in islice(members, _MOST_MEMBERS):
        other = member.code.casefold()
        if any(name.value.casefold() == folded for name in names(member)):
            return (member.code,)
        if len(near) < _MOST_COMPARED and _may_be_near(folded, other):
            near[other] = member.code
    found = get_close_matches(folded, near, n=MOST_SUGGESTIONS)
    return tuple(near[other] for other in found)


def _may_be_near(code: str, other: str) -> bool:
    """Leave out what cannot reach the least ratio of similarity (0.6), by its length alone."""
    shorter, longer = sorted((len(code), len(other)))
    return shorter * 10 >= longer * 4 and (code[:1] == other[:1] or code[-1:] == other[-1:])
