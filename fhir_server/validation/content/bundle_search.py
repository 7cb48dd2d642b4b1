"""The entries of a search result: resources with an id, of a type that was searched for.

Spec: https://hl7.org/fhir/R4/http.html#search and https://hl7.org/fhir/R4/bundle.html#searchset
"""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Step
from fhir_server.validation.reading import objects, text_of

_OUTCOME = "OperationOutcome"
_RESOURCE: Step = ("resource", "resource")


def search_findings(bundle: JsonObject, resource_types: frozenset[str]) -> Iterator[Finding]:
    """Check the entries of a searchset against their mode and the search in the self link."""
    searched = _searched_types(bundle, resource_types)
    for index, entry in objects(bundle, "entry"):
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            continue
        search = entry.get("search")
        mode = text_of(search, "mode") if isinstance(search, dict) else None
        for finding in _entry(resource, mode, searched):
            finding.steps += [_RESOURCE, index, ("entry", "entry")]
            yield finding


def _entry(resource: JsonObject, mode: str | None, searched: frozenset[str]) -> Iterator[Finding]:
    found = str(resource.get("resourceType"))
    if mode == "outcome":
        if found != _OUTCOME:
            yield Finding("search-outcome-type", found=found)
        return
    if mode is not None and "id" not in resource:
        yield Finding("search-entry-without-id", found=found)
    if mode == "match" and searched and found not in searched:
        yield Finding("search-match-type", found=found, expected=", ".join(sorted(searched)))


def _searched_types(bundle: JsonObject, resource_types: frozenset[str]) -> frozenset[str]:
    """Return the types that the self link names; none where it cannot be told."""
    links = (link for _, link in objects(bundle, "link"))
    url = next((text_of(link, "url") for link in links if link.get("relation") == "self"), None)
    if url is None:
        return frozenset()
    parts = urlsplit(url)
    named = parse_qs(parts.query).get("_type")
    if named:
        return frozenset(named[-1].split(",")) & resource_types
    steps = parts.path.rstrip("/").split("/")
    return frozenset(steps[-1:]) & resource_types
