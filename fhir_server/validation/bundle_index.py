"""The entries of a Bundle by URL, and R4's rule of which one a reference means.

Spec: https://hl7.org/fhir/R4/bundle.html#references
"""

import re
from typing import Any

from fhir_server.model import JsonObject

_HISTORY = re.compile(r"/_history/[A-Za-z0-9\-.]{1,64}$")
_RESTFUL_BASE = re.compile(r"((?:https?|ftp)://[^\s?#]+/)[A-Za-z]+/[A-Za-z0-9\-.]{1,64}$")
_RELATIVE = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})$")


class BundleIndex:
    """Entries that carry a resource.

    Attributes:
        by_url: Entries by ``fullUrl``; several where versions differ.
        by_name: Entries without ``fullUrl`` by ``Type/id``.
    """

    __slots__ = ("_urls", "by_name", "by_url")

    def __init__(self, bundle: JsonObject) -> None:
        self.by_url: dict[str, list[JsonObject]] = {}
        self.by_name: dict[str, JsonObject] = {}
        self._urls: dict[int, str] = {}  # by identity of the resource
        entries = bundle.get("entry")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
                self._add(entry)

    def _add(self, entry: JsonObject) -> None:
        full_url = entry.get("fullUrl")
        if isinstance(full_url, str):
            self._urls[id(entry["resource"])] = full_url
            self.by_url.setdefault(full_url, []).append(entry)
        else:
            resource = entry["resource"]
            self.by_name[f"{resource.get('resourceType')}/{resource.get('id')}"] = entry

    def url_of(self, resource: JsonObject) -> str | None:
        """Return the ``fullUrl`` of the entry that holds ``resource``."""
        return self._urls.get(id(resource))


def find_entry(reference: str, full_url: str | None, index: BundleIndex) -> JsonObject | None:
    """Return the entry that ``reference`` means, seen from the entry with ``full_url``.

    An absolute reference equals a fullUrl. A relative one is made absolute with the base of the
    fullUrl it stands under, if that is a RESTful one. Beyond the rule, entries without fullUrl are
    found by type and id, and ``Type/<uuid>`` finds ``urn:uuid:<uuid>``, so that a wrong type there
    is seen.
    """
    reference = reference.partition("#")[0]
    version = _HISTORY.search(reference)
    plain = reference[: version.start()] if version is not None else reference
    wanted = version[0].rpartition("/")[2] if version is not None else None
    if plain in index.by_url:
        return _version(index.by_url[plain], wanted)
    relative = _RELATIVE.match(plain)
    if relative is None:
        return None
    base = _RESTFUL_BASE.match(full_url) if full_url is not None else None
    if base is not None and base[1] + plain in index.by_url:
        return _version(index.by_url[base[1] + plain], wanted)
    if plain in index.by_name:
        return index.by_name[plain]
    loose = index.by_url.get(f"urn:uuid:{relative[2]}")
    return None if loose is None else loose[0]


def _version(entries: list[JsonObject], wanted: str | None) -> JsonObject | None:
    if wanted is None:
        return entries[-1]
    return next((e for e in entries if _version_of(e) == wanted), None)


def _version_of(entry: JsonObject) -> Any:
    meta = entry["resource"].get("meta")
    return meta.get("versionId") if isinstance(meta, dict) else None
