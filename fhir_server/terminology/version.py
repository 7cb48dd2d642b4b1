"""Versions that leave a part open: ``1.x``, ``1.0.*``.

Spec: https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/ (versions of code systems)
"""

_OPEN = frozenset({"x", "X", "*"})


def is_pattern(version: str) -> bool:
    """Say whether a part of the version is open."""
    return not _OPEN.isdisjoint(version.split("."))


def fits(version: str, wanted: str) -> bool:
    """Say whether a version is the wanted one: all of it, its beginning, or open parts of it."""
    have, want = version.split("."), wanted.split(".")
    if len(have) < len(want) and not (want[-1] in _OPEN and len(have) == len(want) - 1):
        return False
    return all(part in _OPEN or part == own for part, own in zip(want, have, strict=False))


def sort_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Order versions part by part, numbers as numbers."""
    return tuple(
        (1, int(part), "") if part.isdecimal() else (0, 0, part) for part in version.split(".")
    )
