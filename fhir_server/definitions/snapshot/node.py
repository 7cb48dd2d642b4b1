"""A snapshot as a tree that can be changed: children below parents, slices below what they slice.

Spec: https://hl7.org/fhir/R4/elementdefinition.html#id and
https://hl7.org/fhir/R4/profiling.html#slicing
"""

from collections.abc import Iterable, Iterator

from fhir_server.model import JsonObject


class Node:
    """An element definition with what hangs below it.

    Attributes:
        definition: The ElementDefinition; shared between copies, so it is replaced, never changed.
        name: Last step of the path; ``value[x]`` also where the path says ``valueQuantity``.
        slice_name: Its name among the slices of the element it slices.
        children: By name, in order.
        slices: By slice name, in order; a re-slice ``a/b`` hangs below slice ``a``.
    """

    __slots__ = ("children", "definition", "name", "slice_name", "slices")

    def __init__(self, definition: JsonObject, name: str, slice_name: str | None = None) -> None:
        self.definition = definition
        self.name = name
        self.slice_name = slice_name
        self.children: dict[str, Node] = {}
        self.slices: dict[str, Node] = {}

    @property
    def is_choice(self) -> bool:
        """Whether the JSON property carries the type."""
        return self.name.endswith("[x]")

    def copy(self) -> "Node":
        """Return a copy of the node and all below it."""
        made = Node(self.definition, self.name, self.slice_name)
        made.children = {name: child.copy() for name, child in self.children.items()}
        made.slices = {name: node.copy() for name, node in self.slices.items()}
        return made

    def slice_copy(self, slice_name: str) -> "Node":
        """Return a copy to be made a slice: without the slicing and the slices of this one."""
        kept = {k: v for k, v in self.definition.items() if k != "slicing"}
        made = Node({**kept, "sliceName": slice_name}, self.name, slice_name)
        made.children = {name: child.copy() for name, child in self.children.items()}
        return made

    def find_slice(self, slice_name: str) -> "Node | None":
        """Return a slice or re-slice by its full name."""
        found = self.slices.get(slice_name)
        return found or self.outer_slice(slice_name).slices.get(slice_name)

    def outer_slice(self, slice_name: str) -> "Node":
        """Return the node that ``slice_name`` is a slice of: a slice for ``a/b``, else this one."""
        found = self
        *outer, _ = slice_name.split("/")
        for at in range(len(outer)):
            found = found.slices.get("/".join(outer[: at + 1]), found)
        return found


def grow(elements: Iterable[JsonObject]) -> Node:
    """Put the flat list of a snapshot into a tree.

    Raises:
        LookupError: The list is empty, or an element stands below one that is not there.
    """
    iterator = iter(elements)
    first = next(iterator, None)
    if first is None:
        raise LookupError("the snapshot has no elements")
    root = Node(first, first["path"])
    latest = {first["path"]: root}
    for definition in iterator:
        path = definition["path"]
        owner, _, name = path.rpartition(".")
        parent = latest.get(owner)
        if parent is None:
            raise LookupError(path)
        latest[path] = _attach(parent, definition, name)
    return root


def flatten(root: Node) -> Iterator[JsonObject]:
    """Yield the element definitions of a tree in a snapshot's order, paths and ids made new."""
    return _flatten(root, root.name, root.name)


def _flatten(node: Node, path: str, unsliced: str) -> Iterator[JsonObject]:
    """Yield a node and all below it; ``unsliced`` is its id without its slice name."""
    element_id = unsliced if node.slice_name is None else f"{unsliced}:{node.slice_name}"
    rest = {k: v for k, v in node.definition.items() if k not in {"id", "path"}}
    yield {"id": element_id, "path": path, **rest}
    for child in node.children.values():
        yield from _flatten(child, f"{path}.{child.name}", f"{element_id}.{child.name}")
    for part in node.slices.values():
        yield from _flatten(part, path, unsliced)


def _attach(parent: Node, definition: JsonObject, name: str) -> Node:
    choice = name if name in parent.children else _choice_of(parent, definition, name)
    slice_name = definition.get("sliceName") or (name if choice != name else None)
    sliced = parent.children.get(choice)
    node = Node(definition, choice, slice_name)
    if sliced is None or slice_name is None:
        parent.children[choice] = node
    else:
        sliced.outer_slice(slice_name).slices[slice_name] = node
    return node


def _choice_of(parent: Node, definition: JsonObject, name: str) -> str:
    """Return ``value[x]`` for the shortcut ``valueQuantity``, else the name itself."""
    if name.endswith("[x]"):
        return name
    base = str(definition.get("base", {}).get("path", "")).rpartition(".")[2]
    if base.endswith("[x]") and name.startswith(base.removesuffix("[x]")):
        return base
    for child in parent.children:
        stem = child.removesuffix("[x]")
        if child != stem and name.startswith(stem) and name[len(stem) :][:1].isupper():
            return child
    return name
