"""Pieces of SQL with their values, kept together so that their order cannot come apart.

The text is made of fixed words and marks only; whatever a client wrote travels as a value.
"""

from collections.abc import Iterable
from typing import NamedTuple

Value = str | int | float


class Fragment(NamedTuple):
    """``text`` has one mark for each of ``values``."""

    text: str
    values: tuple[Value, ...] = ()


TRUE = Fragment("1")
FALSE = Fragment("0")


def all_of(parts: Iterable[Fragment]) -> Fragment:
    """Join conditions that must all hold; none: true."""
    found = [part for part in parts if part is not TRUE]
    if FALSE in found:
        return FALSE
    if not found:
        return TRUE
    if len(found) == 1:
        return found[0]
    return Fragment(
        "(" + " AND ".join(part.text for part in found) + ")",
        tuple(value for part in found for value in part.values),
    )


def any_of(parts: Iterable[Fragment]) -> Fragment:
    """Join conditions of which one must hold; none: false."""
    found = [part for part in parts if part is not FALSE]
    if TRUE in found:
        return TRUE
    if not found:
        return FALSE
    if len(found) == 1:
        return found[0]
    if len(found) > _MOST_TOGETHER:
        return any_of(any_of(group) for group in _groups(found))
    return Fragment(
        "(" + " OR ".join(part.text for part in found) + ")",
        tuple(value for part in found for value in part.values),
    )


def negated(part: Fragment) -> Fragment:
    """Turn a condition round; conditions here are never NULL."""
    if part is TRUE:
        return FALSE
    if part is FALSE:
        return TRUE
    return Fragment(f"NOT {part.text}", part.values)


def union(parts: Iterable[Fragment]) -> Fragment:
    """Put the rows of several queries together, repeats kept."""
    found = list(parts)
    if len(found) > _MOST_TOGETHER:
        return union(
            Fragment(f"SELECT res FROM ({part.text})", part.values)
            for part in (union(group) for group in _groups(found))
        )
    return Fragment(
        " UNION ALL ".join(part.text for part in found),
        tuple(value for part in found for value in part.values),
    )


_MOST_TOGETHER = 100
"""SQLite takes 500 queries in a union and expressions 1,000 deep: longer lists are nested."""


def _groups(parts: list[Fragment]) -> Iterable[list[Fragment]]:
    return (parts[at : at + _MOST_TOGETHER] for at in range(0, len(parts), _MOST_TOGETHER))


def marks(count: int) -> str:
    """Return ``count`` marks for an ``IN`` list."""
    return ", ".join("?" * count)
