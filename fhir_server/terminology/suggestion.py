"""The codes somebody probably meant.

A code is often mistyped, written in another case, or replaced by the display of the right one.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from fhir_server.model import typed_forms
from fhir_server.terminology.value_set import Member

MOST_SUGGESTIONS = 3
_MOST_MEMBERS = 5_000
_MOST_COMPARED = 40
"""Comparing costs 20 µs a candidate."""


def suggestions(code: str, members: Iterable[Member]) -> tuple[str, ...]:
    """Return codes whose own spelling, or one of whose names, is near ``code``; best first."""
    folded = code.casefold()
    typed = frozenset(typed_forms(code))
    near: dict[str, str] = {}
    for member in islice(members, _MOST_MEMBERS):
        if member.code.casefold() in typed or _is_named(member, folded):
            return (member.code,)
        other = member.code.casefold()
        if len(near) < _MOST_COMPARED and _may_be_near(folded, other):
            near[other] = member.code
    found = get_close_matches(folded, near, n=MOST_SUGGESTIONS)
    return tuple(near[other] for other in found)


def _is_named(member: Member, folded: str) -> bool:
    for source in (member.listed, member.concept):
        if source is None:
            continue
        if isinstance(source, dict):
            display, designations = source.get("display"), source.get("designation", ())
        else:
            display, designations = source.display, source.designations
        if display is not None and display.casefold() == folded:
            return True
        for designation in designations:
            if designation.get("value", "").casefold() == folded:
                return True
    return False


def _may_be_near(code: str, other: str) -> bool:
    """Leave out what cannot reach the least ratio of similarity (0.6), by its length alone."""
    shorter, longer = sorted((len(code), len(other)))
    return shorter * 10 >= longer * 4 and (code[:2] == other[:2] or code[-2:] == other[-2:])
