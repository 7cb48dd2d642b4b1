"""Links as search compares them: local ones as type and id, others as written without version.

Spec: https://hl7.org/fhir/R4/references.html#literal
"""

import re
from functools import lru_cache
from typing import NamedTuple

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_VERSION = re.compile(r"/_history/[A-Za-z0-9\-.]{1,64}$")


class Link(NamedTuple):
    """Where a reference goes: ``type`` and ``id`` of a local one, ``url`` of any other."""

    type: str
    id: str
    url: str


def read_link(text: str, base_urls: tuple[str, ...]) -> Link:
    """Return where a literal reference goes; a version is left out.

    Args:
        text: ``Patient/1``, ``https://…/Patient/1/_history/2``, ``urn:uuid:…``.
        base_urls: Own base URLs, without trailing slash.
    """
    return _known_link(text, base_urls) if len(text) <= _USUAL else _read(text, base_urls)


def _read(text: str, base_urls: tuple[str, ...]) -> Link:
    local = text
    for base_url in base_urls:
        if text.startswith(base_url) and text[len(base_url) : len(base_url) + 1] == "/":
            local = text[len(base_url) + 1 :]
            break
    found = _LOCAL.fullmatch(local)
    if found is not None:
        return Link(found[1], found[2], "")
    return Link("", "", _VERSION.sub("", text))


_USUAL = 200
"""Characters of a link that is kept: clients must not fill the memory."""
_known_link = lru_cache(maxsize=4096)(_read)  # several parameters of several resources ask for one
