"""What holds for Bundles beyond their invariants: fullUrl is absolute and agrees with the resource.

Spec: https://hl7.org/fhir/R4/bundle.html#bundle-unique and
https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.fullUrl
"""

from collections.abc import Iterator
from typing import Any

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.reference_target import is_absolute
from fhir_server.validation.scope import Scope

_MOST_STEPS = 2


def check(bundle: JsonObject, scope: Scope) -> Findings | None:
    """Check the entries of a Bundle as a whole."""
    resource_types = scope.run.table.registry.types.resource_types
    entries = bundle.get("entry")
    if entries.__class__ is not list:
        return None
    found: Findings = []
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and isinstance(entry.get("fullUrl"), str):
            for finding in _full_url(entry, resource_types):
                at: tuple[Step, ...] = (("fullUrl", "fullUrl"), index, ("entry", "entry"))
                finding.steps.extend(at)
                found.append(finding)
    return found or None


def _full_url(entry: JsonObject, resource_types: frozenset[str]) -> Iterator[Finding]:
    full_url: str = entry["fullUrl"]
    if not is_absolute(full_url):
        yield Finding("full-url-relative", found=full_url)
        return
    resource: Any = entry.get("resource")
    if not isinstance(resource, dict) or not full_url.startswith(("http://", "https://")):
        return
    resource_type, logical_id = resource.get("resourceType"), resource.get("id")
    steps = full_url.rsplit("/", _MOST_STEPS)
    looks_restful = len(steps) > _MOST_STEPS and steps[1] in resource_types
    if looks_restful and (steps[1] != resource_type or steps[2] != logical_id):
        yield Finding(
            "full-url-contradicts", found=full_url, expected=f"{resource_type}/{logical_id}"
        )
