"""Names that must not be mixed up: the parts of an instance URL and the links to definitions.

Spec: https://hl7.org/fhir/R4/references.html
"""

import re
from typing import NewType

ResourceType = NewType("ResourceType", str)
LogicalId = NewType("LogicalId", str)
VersionId = NewType("VersionId", int)
Canonical = NewType("Canonical", str)

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def is_logical_id(text: str) -> bool:
    """Say whether ``text`` may be a ``Resource.id``.

    Spec: https://hl7.org/fhir/R4/datatypes.html#id
    """
    return _ID.fullmatch(text) is not None


def split_canonical(canonical: str) -> tuple[str, str | None, str | None]:
    """Take ``url|version#fragment`` apart; what is not there is None.

    Spec: https://hl7.org/fhir/R4/references.html#canonical
    """
    rest, _, fragment = canonical.partition("#")
    url, _, version = rest.partition("|")
    return url, version or None, fragment or None
