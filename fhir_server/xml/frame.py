"""An element that is open while XML is read, and what becomes of it in JSON."""

from typing import Any

from fhir_server.model import JsonObject
from fhir_server.xml.vocabulary import XmlType


class Frame:
    """One open element.

    Attributes:
        xml_type: What may stand in it.
        name: Its XML name.
        value: JSON object of its children; for a primitive: of its id and extensions; for an
            element that holds a resource: the object it stands in.
        parent: The frame around it; None at the root.
        depth: Objects and arrays of JSON around and with it.
        key: JSON property of ``parent``; None for a resource: what holds it has the step.
        index: Place in an array; None: there is none.
        element: Step of FHIRPath (``value`` for ``valueQuantity``).
        order: Place of the latest child among the elements of the type.
        latest: XML name of that child.
        resources: For an element that holds a resource: how many it held; None for any other.
        is_scalar: Whether it is a primitive, whose JSON has a ``_name`` companion.
        has_value: For a primitive: whether it has a value.
        has_companions: Whether arrays of primitives in it have companions or gaps.
    """

    __slots__ = (
        "depth", "element", "has_companions", "has_value", "index", "is_scalar", "key", "latest",
        "name", "order", "parent", "resources", "value", "xml_type",
    )  # fmt: skip

    def __init__(
        self,
        xml_type: XmlType,
        name: str,
        value: JsonObject,
        parent: "Frame | None",
        *,
        depth: int,
        key: str | None = None,
        index: int | None = None,
    ) -> None:
        self.xml_type = xml_type
        self.name = self.element = name
        self.value = value
        self.parent = parent
        self.depth = depth
        self.key = key
        self.index = index
        self.order = -1
        self.latest = ""
        self.resources: int | None = None
        self.is_scalar = self.has_value = self.has_companions = False

    def pointer(self) -> str:
        """JSON Pointer of the element; a primitive's is that of its value."""
        return self._around() + self._step(self.key)

    def _around(self) -> str:
        return "" if self.parent is None else self.parent._inside()

    def _inside(self) -> str:
        """JSON Pointer of the object that holds what stands in the element."""
        return self._around() + self._step(f"_{self.key}" if self.is_scalar else self.key)

    def _step(self, key: str | None) -> str:
        if self.key is None:
            return ""
        return f"/{key}" if self.index is None else f"/{key}/{self.index}"

    def expression(self) -> str:
        """FHIRPath of the element, with indexes."""
        steps: list[str] = []
        frame: Frame | None = self
        while frame is not None:
            if frame.parent is None:
                steps.append(frame.name)
            elif frame.key is not None:
                index = "" if frame.index is None else f"[{frame.index}]"
                steps.append(f".{frame.element}{index}")
            frame = frame.parent
        return "".join(reversed(steps))

    def pointers(self) -> set[str]:
        """Pointers of what starts here: the element, its companion, the arrays of both."""
        found = {self.pointer(), self._inside()}
        if self.index is not None:
            found |= {pointer.rpartition("/")[0] for pointer in found}
        return found

    def add_unknown(self, key: str, item: Any) -> int | None:
        """Add a child that the type does not have; from the second one on it is an array.

        Returns:
            Its index where it stands in an array.
        """
        if key not in self.value:
            self.value[key] = item
            return None
        items = self.value[key]
        if not isinstance(items, list):
            items = self.value[key] = [items]
        items.append(item)
        return len(items) - 1

    def attach_companion(self) -> None:
        """Put id and extensions of a primitive beside its value (``_birthDate``)."""
        parent, name = self.parent, f"_{self.key}"
        if parent is None:
            return
        if self.index is None:
            parent.value[name] = self.value
            return
        companions = parent.value.setdefault(name, [])
        if not isinstance(companions, list):
            companions = parent.value[name] = [companions]
        companions += [None] * (self.index - len(companions))
        companions.append(self.value)
        parent.has_companions = True

    def complete_companions(self) -> None:
        """Make arrays of primitives and their companions equally long; drop what holds nothing."""
        for name in [key for key in self.value if key[0] == "_"]:
            companions, items = self.value[name], self.value.get(name[1:])
            if not isinstance(companions, list) or not isinstance(items, list):
                continue
            companions += [None] * (len(items) - len(companions))
            if all(item is None for item in items):
                del self.value[name[1:]]
