"""A differential as a tree: what it says, below what it says it about.

A differential is sparse (parents may be missing), may be out of order, and may name the slice it
means by the element id alone. Ids are followed where they agree with the path; else the order
decides, as in HL7's own generator.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from collections.abc import Sequence

from fhir_server.model import JsonObject

Step = tuple[str, str | None]
"""Name and slice name."""


class Change:
    """What a differential says about one element.

    Attributes:
        definition: The ElementDefinition of the differential; empty where it only walks through.
        name: Last step of the path, as it is written.
        slice_name: The slice it is about.
        children: Changes below it, by step, in order.
        path: The path as it is written, for messages.
    """

    __slots__ = ("children", "definition", "name", "path", "slice_name")

    def __init__(self, step: Step, path: str) -> None:
        self.definition: JsonObject = {}
        self.name, self.slice_name = step
        self.path = path
        self.children: dict[Step, Change] = {}

    @property
    def written_name(self) -> str:
        """Last step of the path as it is written: ``valueQuantity`` also with id ``value[x]:…``."""
        return str(self.definition.get("path", self.name)).rpartition(".")[2]

    def child(self, step: Step) -> "Change":
        """Return the change of a child, making one where there is none."""
        found = self.children.get(step)
        if found is None:
            found = self.children[step] = Change(step, f"{self.path}.{step[0]}")
        return found


def plant(elements: Sequence[JsonObject]) -> Change | None:
    """Put a differential into a tree; None: it is empty."""
    if not elements:
        return None
    root_name = elements[0]["path"].partition(".")[0]
    root = Change((root_name, None), root_name)
    latest = {root_name: root}
    by_id = {root_name: root}
    for definition in elements:
        names = definition["path"].split(".")
        if names[0] != root.name:
            root.child((definition["path"], None))  # nothing has a child of that name: reported
            continue
        steps = _steps(definition, names)
        node = (
            _by_id(by_id, definition["id"], steps)
            if steps
            else _by_order(latest, definition, names)
        )
        node.definition = {**node.definition, **definition}
        if "id" in definition:
            by_id[definition["id"]] = node
        path = definition["path"]
        for below in [p for p in latest if p.startswith(path + ".")]:
            del latest[below]
        latest[path] = node
    return root


def _steps(definition: JsonObject, names: Sequence[str]) -> list[Step] | None:
    """Return the steps that the id says, the root left out; None: it does not fit the path."""
    parts = str(definition.get("id", "")).split(".")
    if len(parts) != len(names) or ":" in parts[0]:
        return None
    steps: list[Step] = []
    for part, name in zip(parts[1:], names[1:], strict=True):
        stem, _, slice_name = part.partition(":")
        if stem != name and not (stem.endswith("[x]") and name.startswith(stem[:-3])):
            return None
        steps.append((stem, slice_name or None))
    if steps and "sliceName" in definition:
        steps[-1] = (steps[-1][0], definition["sliceName"])
    return steps


def _by_id(by_id: dict[str, Change], element_id: str, steps: Sequence[Step]) -> Change:
    """Find the place below the element whose id is the longest part of this one.

    The slice name of that element counts, even where its own id says another.
    """
    parts = element_id.split(".")
    known = len(parts) - 1
    while ".".join(parts[:known]) not in by_id:
        known -= 1
    node = by_id[".".join(parts[:known])]
    for step in steps[known - 1 :]:
        node = node.child(step)
    return node


def _by_order(latest: dict[str, Change], definition: JsonObject, names: Sequence[str]) -> Change:
    """Find the place below the latest element with the parent's path."""
    known = len(names) - 1
    while known and ".".join(names[:known]) not in latest:
        known -= 1
    if not known:
        return latest[names[0]]
    node = latest[".".join(names[:known])]
    for name in names[known:-1]:
        node = node.child((name, None))
        latest[node.path] = node
    return node.child((names[-1], definition.get("sliceName")))
