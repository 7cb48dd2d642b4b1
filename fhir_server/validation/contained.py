"""Contained resources: an id, no nesting, no version, referred to (dom-2 … dom-5).

Spec: https://hl7.org/fhir/R4/references.html#contained and https://hl7.org/fhir/R4/domainresource.html
"""

import re
from collections.abc import Iterator
from typing import Any

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Findings, Step

_LINK = re.compile(r"""(?:href|src)=["'](#[^"']*)""")
_CONTAINED: Step = ("contained", "contained")


def check(container: JsonObject) -> Findings | None:
    """Check what a resource contains; its members are checked as resources elsewhere."""
    members = container["contained"]
    if members.__class__ is not list:
        return None
    local = set(_local_references(container))
    found: Findings = []
    ids: set[Any] = set()
    for index, member in enumerate(members):
        if not isinstance(member, dict):
            continue
        for finding in _check_one(member, local, ids):
            finding.steps.extend((index, _CONTAINED))
            found.append(finding)
    return found or None


def _check_one(member: JsonObject, local: set[str], ids: set[Any]) -> Iterator[Finding]:
    logical_id = member.get("id")
    if not isinstance(logical_id, str):
        yield Finding("contained-without-id")
        return
    if logical_id in ids:
        yield Finding("contained-id-repeated", found=logical_id)
    ids.add(logical_id)
    if "contained" in member:
        yield Finding("contained-nested", source="dom-2", found=logical_id)
    meta = member.get("meta")
    if isinstance(meta, dict):
        for key in ("versionId", "lastUpdated"):
            if key in meta:
                yield Finding("contained-with-version", source="dom-4", found=f"meta.{key}")
        if "security" in meta:
            yield Finding("contained-with-security", source="dom-5", found="meta.security")
    if f"#{logical_id}" not in local and "#" not in set(_local_references(member)):
        yield Finding("contained-unreferenced", source="dom-3", found=logical_id)


def _local_references(value: Any) -> Iterator[str]:
    """Yield what refers to ``#…``: references, canonicals, uris, links and images of narratives."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, str):
            if item[:1] == "#":
                yield item
            elif item[:4] == "<div":
                yield from _LINK.findall(item)
