"""Entries of a Bundle have an identity, and a reference between them means one of them.

Spec: https://hl7.org/fhir/R4/bundle.html#bundle-unique and https://hl7.org/fhir/R4/bundle.html#references
"""

from collections.abc import Iterator
from typing import Any

from fhir_server.model import JsonObject
from fhir_server.validation.bundle_index import BundleIndex
from fhir_server.validation.finding import Finding, Step
from fhir_server.validation.reading import objects, text_of

_MAY_LACK_URL = frozenset(("batch", "transaction", "batch-response", "transaction-response"))


def entry_findings(bundle: JsonObject, index: BundleIndex) -> Iterator[Finding]:
    """Check the identity of each entry and where its references lead."""
    kind = text_of(bundle, "type")
    repeated = {url for url, entries in index.by_url.items() if len(entries) > 1}
    for position, entry in objects(bundle, "entry"):
        at: tuple[Step, ...] = (position, ("entry", "entry"))
        full_url, resource = text_of(entry, "fullUrl"), entry.get("resource")
        if not isinstance(resource, dict):
            continue
        if full_url is None and kind not in _MAY_LACK_URL:
            yield Finding("full-url-missing", found=resource.get("resourceType"), at=at)
        if kind == "history" or not repeated:
            continue
        base = (full_url or "").rpartition(f"{resource.get('resourceType')}/")[0]
        for reference, steps in _references(resource):
            if reference in repeated or base + reference in repeated:
                place = (("reference", "reference"), *steps, ("resource", "resource"), *at)
                yield Finding("reference-ambiguous", found=reference, at=place)


def _references(resource: JsonObject) -> Iterator[tuple[str, tuple[Step, ...]]]:
    """Yield each literal reference with the way to its Reference, innermost step first."""
    waiting: list[tuple[Any, tuple[Step, ...]]] = [(resource, ())]
    while waiting:
        item, steps = waiting.pop()
        if isinstance(item, dict):
            reference = item.get("reference")
            if isinstance(reference, str):
                yield reference, steps
            waiting += [(value, ((key, key), *steps)) for key, value in item.items()]
        elif isinstance(item, list):
            waiting += [(value, (index, *steps)) for index, value in enumerate(item)]
