"""Business versions: which one a canonical means when several are here.

Spec: https://hl7.org/fhir/R4/references.html#canonical
"""

import re

_DATE = re.compile(r"(?:19|20)\d\d(?:-?\d\d){0,2}")
_PART = re.compile(r"\d+|[^\d.\-+_]+")

VersionKey = tuple[tuple[int, int, str], ...]


def version_key(version: str | None) -> VersionKey:
    """Return what to sort business versions by: numbers as numbers, no version first.

    A pre-release (``1.0.0-ballot``) comes before its release, as in semantic versioning. Dates come
    before numbers: HL7's code systems went from ``2018-08-12`` in R4 to ``2.0.0`` and on.
    """
    if version is None:
        return ()
    if _DATE.fullmatch(version) is not None:
        return ((0, 0, ""), *_parts(version))
    release, dash, label = version.partition("-")
    if dash and not release.isdigit():
        return (*_parts(release), (-1, 0, ""), *_parts(label))
    return (*_parts(version), (0, 0, ""))


def version_matches(wanted: str, version: str | None) -> bool:
    """Say whether ``version`` is ``wanted`` or a refinement of it (``4.0`` takes ``4.0.1``)."""
    return version is not None and (version == wanted or version.startswith(wanted + "."))


def _parts(text: str) -> VersionKey:
    return tuple(
        (2, int(part), "") if part.isdigit() else (1, 0, part) for part in _PART.findall(text)
    )
