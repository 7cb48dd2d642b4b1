"""Walk a differential over the tree of its base.

Spec: https://hl7.org/fhir/R4/profiling.html#slicing and
https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from collections.abc import Callable, Iterator

from fhir_server.definitions.snapshot.choice import (
    is_lone,
    narrowed,
    slice_of,
    type_of_choice,
    typed,
)
from fhir_server.definitions.snapshot.differential import Change
from fhir_server.definitions.snapshot.merge import overlaid, with_profile_root
from fhir_server.definitions.snapshot.node import Node
from fhir_server.definitions.type_table import type_code
from fhir_server.model import Issue, JsonObject, issue

_BY_URL: JsonObject = {
    "discriminator": [{"type": "value", "path": "url"}],
    "ordered": False,
    "rules": "open",
}
_EXTENSIONS = frozenset({"extension", "modifierExtension"})


class Walk:
    """One differential on its way over the tree of its base; the tree is changed in place.

    Attributes:
        problems: What could not be done, each with its element path.
    """

    def __init__(
        self,
        tree_of: Callable[[str], Node | None],
        root: Node,
        *,
        url: str,
        is_new_type: bool,
    ) -> None:
        """Prepare the walk.

        Args:
            tree_of: Returns the tree of another structure by canonical or type name.
            root: The tree of the base.
            url: Canonical of the structure that is generated.
            is_new_type: Whether it may add elements: a specialization, no constraint.
        """
        self._tree_of = tree_of
        self._root = root
        self._pristine = root.copy()
        self._url = url
        self._is_new_type = is_new_type
        self.problems: list[Issue] = []

    def merge(self, change: Change) -> None:
        """Lay the whole differential over the tree."""
        self._apply(self._root, change)
        self._merge_children(self._root, change, in_slice=False)

    # -- one level

    def _merge_children(self, node: Node, change: Change, *, in_slice: bool) -> None:
        if not change.children:
            return
        if not node.children:
            in_slice = False
            if not self._expand(node, change):
                return
        for name, changes in _by_element(node, change):
            target = node.children.get(name)
            if target is None and self._is_new_type:
                target = node.children[name] = _new_element(node, name)
            if target is None:
                self._problem("snapshot-element-unknown", changes[0])
                continue
            self._merge_element(target, changes, in_slice=in_slice)

    def _merge_element(self, target: Node, changes: list[Change], *, in_slice: bool) -> None:
        """Lay the changes of one element and of its slices over it."""
        before = target.copy()  # slices start from what the base says, not from this differential
        plain = next((c for c in changes if slice_of(target, c) is None), None)
        slices = [c for c in changes if c is not plain]
        if plain is None and len(slices) == 1 and is_lone(target, slices[0], in_slice=in_slice):
            self._merge_lone(target, slices[0], in_slice=in_slice)
            return
        if plain is not None:
            self._apply(target, plain)
            self._merge_children(target, plain, in_slice=in_slice)
        for change in slices:
            self._merge_slice(target, before, change, plain)
        if slices and target.is_choice:
            target.definition = narrowed(target, before, slices, has_entry=plain is not None)
        elif slices and "slicing" not in target.definition:
            if target.name in _EXTENSIONS:
                target.definition = {**target.definition, "slicing": _BY_URL}
            elif target.slice_name is None:
                self._problem("snapshot-slicing-missing", slices[0])

    def _merge_lone(self, target: Node, change: Change, *, in_slice: bool) -> None:
        """Lay a slice of something unsliced over the element itself; its own name stays with it."""
        target.slice_name = change.definition.get("sliceName")
        if target.is_choice:
            target.definition = typed(target.definition, target.name, change.written_name)
        self._apply(target, change)
        self._merge_children(target, change, in_slice=in_slice)

    def _merge_slice(
        self, target: Node, before: Node, change: Change, plain: Change | None
    ) -> None:
        slice_name = slice_of(target, change) or ""
        node = target.find_slice(slice_name)
        if node is None:
            outer = target.outer_slice(slice_name)
            node = (before if outer is target else outer).slice_copy(slice_name)
            if target.is_choice:
                node.definition = typed(node.definition, target.name, slice_name)
            else:
                node.definition = {**node.definition, "min": 0}
            outer.slices[slice_name] = node
        self._apply(node, change)
        if plain is not None and _holds_for_slices(target, plain):
            self._merge_children(node, plain, in_slice=True)
        self._merge_children(node, change, in_slice=True)

    def _apply(self, node: Node, change: Change) -> None:
        if not change.definition:
            return
        definition = {k: v for k, v in change.definition.items() if k != "sliceName"}
        if node.slice_name is not None:
            definition["sliceName"] = node.slice_name
        node.definition = overlaid(node.definition, definition)
        profile = self._type_profile(node)
        if profile is not None and ("type" in definition):
            node.definition = with_profile_root(
                node.definition, profile.definition, change.definition
            )

    def _type_profile(self, node: Node) -> Node | None:
        """Return the tree of the one profile on the one type of an element."""
        types: list[JsonObject] = node.definition.get("type", [])
        profiles: list[str] = types[0].get("profile", []) if len(types) == 1 else []
        return self._tree_of(profiles[0]) if len(profiles) == 1 else None

    # -- walking into types

    def _expand(self, node: Node, change: Change) -> bool:
        """Give a node the children of its type, or of what it refers to."""
        reference = node.definition.get("contentReference")
        if reference is not None:
            source = _by_id(self._pristine, reference.rpartition("#")[2])
            if source is not None:
                kept = {k: v for k, v in node.definition.items() if k != "contentReference"}
                node.definition = {**kept, "type": source.definition.get("type", [])}
        else:
            source = self._type_profile(node)
            if source is None or not source.children:
                source = self._type_tree(node)
        if source is None or not source.children:
            self._problem("snapshot-no-children", next(iter(change.children.values())))
            return False
        node.children = {name: child.copy() for name, child in source.children.items()}
        return True

    def _type_tree(self, node: Node) -> Node | None:
        codes = {type_code(type_ref) for type_ref in node.definition.get("type", ())}
        if not codes:
            return None
        return self._tree_of(codes.pop() if len(codes) == 1 else "Element")

    def _problem(self, rule: str, change: Change) -> None:
        self.problems.append(
            issue(rule, expression=change.path, source=self._url, url=self._url, found=change.path)
        )


def _by_element(node: Node, change: Change) -> Iterator[tuple[str, list[Change]]]:
    """Group the changes of the children by the element they are about."""
    grouped: dict[str, list[Change]] = {}
    for child in change.children.values():
        grouped.setdefault(_element_name(node, child.name), []).append(child)
    yield from grouped.items()


def _element_name(node: Node, name: str) -> str:
    """Return the child that a step means: ``value[x]`` for ``valueQuantity``."""
    if name in node.children:
        return name
    for choice, child in node.children.items():
        if child.is_choice and type_of_choice(child.definition, choice, name) is not None:
            return choice
    return name


def _holds_for_slices(target: Node, entry: Change) -> bool:
    """Say whether what is said below a slicing entry is written out for each of its slices.

    HL7's generator goes by element ids here; without them it leaves the slices alone.
    """
    if target.is_choice or target.name in _EXTENSIONS:
        return False
    return "slicing" in entry.definition and "id" in entry.definition


def _new_element(parent: Node, name: str) -> Node:
    path = f"{parent.definition['path']}.{name}"
    return Node({"path": path, "base": {"path": path}}, name)


def _by_id(node: Node, element_id: str) -> Node | None:
    """Return the node with an element id such as ``Questionnaire.item``."""
    for step in element_id.split(".")[1:]:
        name, _, slice_name = step.partition(":")
        found = node.children.get(name)
        if found is not None and slice_name:
            found = found.find_slice(slice_name)
        if found is None:
            return None
        node = found
    return node
