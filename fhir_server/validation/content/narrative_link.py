"""Links and images of a narrative lead somewhere.

Spec: https://hl7.org/fhir/R4/narrative.html#linking
"""

import re
from collections.abc import Iterator
from typing import Any

from fhir_server.model import JsonObject
from fhir_server.validation.content.narrative_tree import Tag
from fhir_server.validation.finding import Finding

_NO_LINKS = frozenset(("urn", "cid"))
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_NOT_IN_URLS = re.compile(r"[\s<>{}|\\^`\"]")


def link_findings(root: Tag, resource: JsonObject) -> Iterator[Finding]:
    """Check ``href`` and ``src``; a fragment is an id in the narrative or in the resource."""
    local: frozenset[str] | None = None
    for tag in root.walk():
        url = tag.attributes.get("href" if tag.name == "a" else "src" if tag.name == "img" else "")
        if url is None:
            continue
        if not url.strip():
            yield Finding("xhtml-link-empty", found=f"<{tag.name}>")
        elif (bad := _NOT_IN_URLS.search(url)) is not None and not url.startswith("data:"):
            yield Finding("xhtml-link-invalid", found=url, expected=bad[0])
        elif url[0] == "#":
            if local is None:
                local = frozenset(_ids(root, resource))
            if url[1:] not in local:
                yield Finding("xhtml-link-broken", found=url)
        elif tag.name == "a":
            scheme = _SCHEME.match(url)
            if scheme is not None and scheme[1].lower() in _NO_LINKS:
                yield Finding("xhtml-link-scheme", found=url, expected=scheme[1])


def _ids(root: Tag, resource: JsonObject) -> Iterator[str]:
    yield ""
    for tag in root.walk():
        for name in ("id", "name"):
            if name in tag.attributes:
                yield tag.attributes[name]
    waiting: list[Any] = [resource]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("id"), str):
                yield item["id"]
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
