"""From a reference to its target, where that lies in the same document; the host looks further.

Spec: https://hl7.org/fhir/R4/references.html#contained and
https://hl7.org/fhir/R4/bundle.html#references
"""

from collections.abc import Iterator
from typing import Any

from fhir_server.fhirpath.environment import Scope
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.type_model import TypeModel
from fhir_server.fhirpath.value import plain, wrap

_LINK_TYPES = frozenset({"canonical", "uri", "url", "oid", "uuid", "string"})


def resolve(item: Node, scope: Scope, model: TypeModel) -> Node | None:
    """Return the resource that a Reference, canonical or URL points to, if it can be had."""
    link = _link(item)
    if not isinstance(link, str) or not link:
        return None
    env = scope.run.env
    found = _inside(item, link, env.root_resource or env.resource, model)
    if found is None and env.host is not None and not link.startswith("#"):
        found = env.host.resolve(link, item)
    return found


def _link(item: Node) -> Any:
    value = item.value
    if isinstance(value, dict):
        return value.get("reference")
    return value if item.fhir_type in _LINK_TYPES or item.fhir_type == "System.String" else None


def _inside(item: Node, link: str, root: Node | None, model: TypeModel) -> Node | None:
    """Look in the resources around the element, the nearest first, then in the given root."""
    around = [n for n in item.ancestors() if model.is_resource(n.fhir_type)]
    if root is not None and root not in around:
        around.append(root)
    for index, resource in enumerate(around):
        if link.startswith("#"):
            if (found := _contained(resource, link[1:])) is not None:
                return found
        elif isinstance(resource.value, dict) and "entry" in resource.value:
            base = _full_url(around[index - 1]) if index else None
            if (found := _entry(resource, link, base)) is not None:
                return found
    return None


def _contained(resource: Node, wanted: str) -> Node | None:
    if not isinstance(resource.value, dict):
        return None
    if not wanted:
        return resource if resource.key != "contained" else None
    contained = resource.value.get("contained")
    for index, value in enumerate(contained if isinstance(contained, list) else ()):
        if isinstance(value, dict) and value.get("id") == wanted:
            return Node(value, str(value.get("resourceType")), None, resource, "contained", index)
    return None


def _full_url(resource: Node) -> str | None:
    entry = resource.parent
    value = entry.value.get("fullUrl") if entry is not None else None
    return value if isinstance(value, str) else None


def _entry(bundle: Node, link: str, base: str | None) -> Node | None:
    """Find the entry whose fullUrl the link means, as it is or below the asking entry's base."""
    absolute = {link}
    if base is not None and "://" in base and "://" not in link:
        absolute.add("/".join([*base.split("/")[:-2], link]))
    for entry in _entries(bundle):
        resource = entry.value.get("resource")
        if not isinstance(resource, dict):
            continue
        full_url = entry.value.get("fullUrl")
        own = f"{resource.get('resourceType')}/{resource.get('id')}"
        if full_url in absolute or (full_url is None and own == link):
            return Node(resource, str(resource.get("resourceType")), None, entry, "resource")
    return None


def _entries(bundle: Node) -> Iterator[Node]:
    entries = bundle.value.get("entry")
    for index, value in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(value, dict):
            yield Node(value, f"{bundle.fhir_type}.entry", None, bundle, "entry", index)


def system_value(item: Node) -> list[Node]:
    """Return a primitive's value as FHIRPath's own type; nothing where it has none."""
    value = plain(item)
    return [] if value is None or isinstance(value, dict) else [wrap(value)]
