"""Entity tags: version ids as HTTP headers and ``Bundle.entry.request`` write them.

Spec: https://hl7.org/fhir/R4/http.html#versioning
"""

import re

from fhir_server.model import InvalidRequest

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([A-Za-z0-9\-.]+)')


def entity_tags(header: str, value: str) -> tuple[str, ...]:
    """Return the version ids of ``W/"1", W/"2"``; ``*`` stays ``*``.

    Args:
        header: Where they stand, for the refusal.
        value: The text.

    Raises:
        InvalidRequest: Something in the list is no entity tag.
    """
    found: list[str] = []
    for part in filter(None, (item.strip() for item in value.split(","))):
        match = _TAG.fullmatch(part)
        if part == "*":
            found.append(part)
        elif match is None:
            raise InvalidRequest.of("header-etag", header=header, found=part)
        else:
            found.append(match[1] if match[1] is not None else match[2])
    return tuple(found)


def single_tag(header: str, value: str | None) -> str | None:
    """Return the version id of a header that may name only one; None: the header is not there.

    Raises:
        InvalidRequest: It names none, several, or something else.
    """
    if value is None:
        return None
    tags = entity_tags(header, value)
    if len(tags) != 1:
        raise InvalidRequest.of("header-etag", header=header, found=value)
    return tags[0]
