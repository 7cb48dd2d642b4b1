"""What a literal reference leads to, as far as that can be seen from here.

Spec: https://hl7.org/fhir/R4/references.html and https://hl7.org/fhir/R4/bundle.html#references
"""

import re
from typing import NamedTuple

from fhir_server.model import JsonObject
from fhir_server.validation.bundle_index import find_entry
from fhir_server.validation.scope import Scope

_RESTFUL = re.compile(
    r"(?:(?:https?|ftp)://[^\s?#]+/)?"
    r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?(?:#.*)?"
)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*:[^\s]+")


class Target(NamedTuple):
    """A resource that was found, with the scope it is checked in."""

    resource: JsonObject
    scope: Scope


def named_type(reference: str) -> str | None:
    """Return the word where the resource type stands (``Patient`` in ``…/Patient/1``)."""
    form = _RESTFUL.fullmatch(reference)
    return None if form is None else form[1]


def is_absolute(uri: str) -> bool:
    """Say whether ``uri`` starts with a scheme."""
    return _ABSOLUTE.fullmatch(uri) is not None


def find_target(reference: str, scope: Scope) -> Target | None:
    """Look in the same resource, then in the Bundle around it, then ask the resolver."""
    return find_here(reference, scope) or _outside(reference, scope)


def find_here(reference: str, scope: Scope) -> Target | None:
    """Look in the same resource, then in the Bundle around it."""
    if reference.startswith("#"):
        return _in_container(reference[1:], scope)
    return find_in_bundles(reference, scope)


def is_deleted(reference: str, scope: Scope) -> bool:
    """Say whether the resolver knows that the target has been deleted."""
    resolver = scope.run.resolver
    return resolver is not None and resolver.is_deleted(reference)


def _outside(reference: str, scope: Scope) -> Target | None:
    resolver = scope.run.resolver
    if resolver is None or reference.startswith("#"):
        return None
    resource = resolver.resolve(reference)
    if resource is None:
        return None
    if resource is scope.root:
        return Target(resource, scope.contained(resource) if scope.is_contained else scope)
    return Target(resource, scope.elsewhere(resource))


def find_in_bundles(reference: str, scope: Scope) -> Target | None:
    """Look for an entry, in the innermost Bundle first."""
    inner, holder = scope, scope.holder
    while holder is not None:
        if holder.resource.get("resourceType") == "Bundle":
            entry = find_entry(reference, inner.full_url, holder.index)
            if entry is not None:
                full_url = entry.get("fullUrl")
                resource = entry["resource"]
                return Target(resource, holder.entry(resource, full_url))
        inner, holder = holder, holder.holder
    return None


def _in_container(logical_id: str, scope: Scope) -> Target | None:
    root = scope.root
    if not logical_id:
        return Target(root, scope.contained(root)) if scope.is_contained else None
    resource = scope.run.contained(root).by_id.get(logical_id)
    return None if resource is None else Target(resource, scope.contained(resource))
