"""Documents and messages are graphs: what they name is in them, and nothing else is.

Spec: https://hl7.org/fhir/R4/documents.html#content and https://hl7.org/fhir/R4/messaging.html#bundle
"""

import re
from collections.abc import Iterator
from typing import Any

from fhir_server.model import JsonObject
from fhir_server.validation.bundle_index import BundleIndex, find_entry
from fhir_server.validation.finding import Finding, Step
from fhir_server.validation.reading import objects, text_of

_LINK = re.compile(r"""(?:href|src)=["']([^"'#][^"']*)""")
_ROOTS = {"document": "Composition", "message": "MessageHeader"}
_IN_DOCUMENT = (
    ("subject",), ("encounter",), ("author",), ("attester", "party"), ("custodian",),
    ("event", "detail"),
)  # fmt: skip
_IN_SECTION = (("author",), ("focus",), ("entry",))
_IN_MESSAGE = (("focus",),)

_Place = tuple[str, tuple[Step, ...]]


def graph_findings(bundle: JsonObject, index: BundleIndex) -> Iterator[Finding]:
    """Check a document or message whose first entry is what it must be."""
    entries = [(i, e) for i, e in objects(bundle, "entry") if isinstance(e.get("resource"), dict)]
    kind = str(bundle.get("type"))
    if not entries or entries[0][0] != 0:
        return
    first = entries[0][1]
    if first["resource"].get("resourceType") != _ROOTS.get(kind):
        return
    at: tuple[Step, ...] = (("resource", "resource"), 0, ("entry", "entry"))
    for reference, steps in _demanded(first["resource"], kind):
        if find_entry(reference, text_of(first, "fullUrl"), index) is None:
            place = (("reference", "reference"), *steps, *at)
            yield Finding("bundle-graph-missing", found=reference, expected=kind, at=place)
    reached = _reached([entry for _, entry in entries], index)
    for position, entry in entries:
        if id(entry) not in reached:
            yield Finding(
                f"{kind}-entry-unreachable",
                found=text_of(entry, "fullUrl") or entry["resource"].get("resourceType"),
                at=(position, ("entry", "entry")),
            )


def _demanded(root: JsonObject, kind: str) -> Iterator[_Place]:
    """Yield the references whose targets must be in the Bundle."""
    for path in _IN_DOCUMENT if kind == "document" else _IN_MESSAGE:
        yield from _at(root, path)
    if kind == "document":
        yield from _in_sections(root, ())


def _in_sections(holder: JsonObject, around: tuple[Step, ...]) -> Iterator[_Place]:
    for index, section in objects(holder, "section"):
        steps: tuple[Step, ...] = (index, ("section", "section"), *around)
        for path in _IN_SECTION:
            for reference, way in _at(section, path):
                yield reference, (*way, *steps)
        yield from _in_sections(section, steps)


def _at(holder: JsonObject, path: tuple[str, ...]) -> Iterator[_Place]:
    name, rest = path[0], path[1:]
    value = holder.get(name)
    if isinstance(value, dict):
        found: list[tuple[tuple[Step, ...], JsonObject]] = [(((name, name),), value)]
    else:
        found = [((index, (name, name)), item) for index, item in objects(holder, name)]
    for steps, item in found:
        if rest:
            for reference, way in _at(item, rest):
                yield reference, (*way, *steps)
        elif (reference_text := text_of(item, "reference")) and reference_text[0] != "#":
            yield reference_text, steps


def _reached(entries: list[JsonObject], index: BundleIndex) -> set[int]:
    """Return the identities of the entries that links join with the first, in either direction."""
    joined: dict[int, set[int]] = {id(entry): set() for entry in entries}
    for entry in entries:
        for target in _targets(entry, index):
            if id(target) in joined:
                joined[id(entry)].add(id(target))
                joined[id(target)].add(id(entry))
    reached: set[int] = set()
    waiting = [id(entries[0])]
    while waiting:
        at = waiting.pop()
        if at not in reached:
            reached.add(at)
            waiting += joined[at]
    return reached


def _targets(entry: JsonObject, index: BundleIndex) -> Iterator[JsonObject]:
    """Yield the entries that something in an entry leads to."""
    full_url = text_of(entry, "fullUrl")
    waiting: list[Any] = [entry["resource"]]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            reference = item.get("reference")
            if isinstance(reference, str):
                target = find_entry(reference, full_url, index)
                if target is not None:
                    yield target
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str):
            for url in _LINK.findall(item) if item[:4] == "<div" else (item,):
                yield from index.by_url.get(url, ())
