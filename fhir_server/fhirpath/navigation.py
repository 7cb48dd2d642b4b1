"""From an element to its children: choice types, repetitions and the ``_name`` half of primitives.

Spec: https://hl7.org/fhir/R4/json.html and https://hl7.org/fhir/R4/fhirpath.html#polymorphism
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.quantity import Quantity
from fhir_server.fhirpath.type_model import ElementType, TypeModel
from fhir_server.model import JsonObject

_QUANTITY = {"value": "System.Decimal", "unit": "System.String"}
_TYPE_INFO = ("System.SimpleTypeInfo", "System.ClassInfo")


class Step(msgspec.Struct, frozen=True, gc=False):
    """How the values of an element are found in the JSON object of its parent.

    Attributes:
        key: The JSON property.
        fhir_type: Type of the values.
        sibling: Property of the ids and extensions where the type is primitive.
        is_resource: Whether the values say their own type.
    """

    key: str
    fhir_type: str
    sibling: str | None = None
    is_resource: bool = False


Steps = Step | dict[str, Step] | None
"""One step; for a choice those of all types by JSON property; None: no such element."""


class Navigator:
    """Knows the steps of one release; it remembers what it has worked out."""

    def __init__(self, model: TypeModel) -> None:
        self.model = model
        self._members: dict[str, MemberSteps] = {}
        self._layouts: dict[str, dict[str, Step]] = {}

    def member(self, name: str) -> "MemberSteps":
        """Return the steps of element ``name`` by the type of the parent."""
        found = self._members.get(name)
        if found is None:
            found = self._members[name] = MemberSteps(name, self)
        return found

    def steps(self, fhir_type: str, name: str) -> Steps:
        """Work out the steps of element ``name`` of a type."""
        if fhir_type in _TYPE_INFO:
            return Step(name, "System.String") if name in {"namespace", "name"} else None
        if fhir_type == "System.Quantity":
            found_type = _QUANTITY.get(name)
            return None if found_type is None else Step(name, found_type)
        element = self.model.element(fhir_type, name)
        if element is None or not element.types:
            return None
        found = tuple(self._steps_of(fhir_type, name, element))
        return _by_property(found) if element.is_choice else found[0]

    def _steps_of(self, parent: str, name: str, element: ElementType) -> Iterator[Step]:
        for declared in element.types:
            fhir_type = self._fhir_type(parent, name, declared)
            key = name + declared[0].upper() + declared[1:] if element.is_choice else name
            sibling = f"_{key}" if self.model.is_primitive(fhir_type) else None
            yield Step(key, fhir_type, sibling, self.model.is_resource(fhir_type))

    def _fhir_type(self, parent: str, name: str, declared: str) -> str:
        """Ids and URLs are declared as ``System.String``; R4 hides their types in extensions."""
        if not declared.startswith("System.") or self.model.is_primitive(parent):
            return declared if name != "id" else "string"
        if name == "id":
            return "id" if self.model.is_resource(parent) else "string"
        return "uri" if name == "url" else "string"

    def children(self, item: Node) -> list[Node]:
        """Return all children of a node, in the order of the JSON."""
        found: list[Node] = []
        value = item.value
        if isinstance(value, dict):
            layout = self._layout(item.fhir_type)
            for key in value:
                step = layout.get(key)
                if step is not None and (key == step.key or step.key not in value):
                    expand(item, value, step, found)
        elif item.sibling is not None:
            for name in ("id", "extension"):
                member(item, self.member(name), found)
        return found

    def _layout(self, fhir_type: str) -> dict[str, Step]:
        layout = self._layouts.get(fhir_type)
        if layout is None:
            layout = self._layouts[fhir_type] = {}
            for name in self.model.element_names(fhir_type):
                steps = self.member(name)[fhir_type]
                if isinstance(steps, Step):
                    steps = _by_property((steps,))
                layout.update(steps or {})
        return layout


class MemberSteps(dict[str, Steps]):
    """Steps of one element name by the parent's type, each worked out once."""

    def __init__(self, name: str, navigator: Navigator) -> None:
        super().__init__()
        self._name = name
        self._navigator = navigator

    def __missing__(self, fhir_type: str) -> Steps:
        found = self[fhir_type] = self._navigator.steps(fhir_type, self._name)
        return found


def _by_property(steps: tuple[Step, ...]) -> dict[str, Step]:
    return {key: step for step in steps for key in (step.key, step.sibling) if key is not None}


def member(item: Node, members: MemberSteps, found: list[Node]) -> None:
    """Add the values of one element of ``item`` to ``found``."""
    value = item.value
    steps = members[item.fhir_type]
    if steps is None:
        return
    if value.__class__ is not dict:
        if isinstance(steps, Step):
            _member_of_scalar(item, steps, found)
    elif isinstance(steps, Step):
        expand(item, value, steps, found)
    else:
        for step in present(value, steps):
            expand(item, value, step, found)


def present(value: JsonObject, choice: dict[str, Step]) -> Iterator[Step]:
    """Yield the steps of a choice that ``value`` has, each once; a resource has few properties."""
    for key in value:
        step = choice.get(key)
        if step is not None and (key == step.key or step.key not in value):
            yield step


def expand(item: Node, source: JsonObject, step: Step, found: list[Node]) -> None:
    """Add the values of ``step`` in the JSON object ``source`` of ``item`` to ``found``."""
    value = source.get(step.key)
    if step.sibling is not None and step.sibling in source:
        _expand_with_siblings(item, value, source[step.sibling], step, found)
    elif value.__class__ is list:
        fhir_type = step.fhir_type
        for index, entry in enumerate(value):
            if step.is_resource:
                fhir_type = _resource_type(entry, step.fhir_type)
            if entry is not None:
                found.append(Node(entry, fhir_type, None, item, step.key, index))
    elif value is not None:
        fhir_type = _resource_type(value, step.fhir_type) if step.is_resource else step.fhir_type
        found.append(Node(value, fhir_type, None, item, step.key))


def _expand_with_siblings(
    item: Node, values: Any, siblings: Any, step: Step, found: list[Node]
) -> None:
    if not isinstance(values, list) and not isinstance(siblings, list):
        sibling = siblings if isinstance(siblings, dict) else None
        if values is not None or sibling is not None:
            found.append(Node(values, step.fhir_type, sibling, item, step.key))
        return
    listed = values if isinstance(values, list) else []
    extras = siblings if isinstance(siblings, list) else []
    for index in range(max(len(listed), len(extras))):
        value = listed[index] if index < len(listed) else None
        sibling = extras[index] if index < len(extras) else None
        sibling = sibling if isinstance(sibling, dict) else None
        if value is not None or sibling is not None:
            found.append(Node(value, step.fhir_type, sibling, item, step.key, index))


def _member_of_scalar(item: Node, step: Step, found: list[Node]) -> None:
    """A primitive's ``id`` and ``extension`` lie beside it; its ``value`` is itself."""
    if isinstance(item.value, Quantity):
        found.append(Node(getattr(item.value, step.key), step.fhir_type))
    elif step.key == "value":
        if item.value is not None:
            found.append(Node(item.value, step.fhir_type, None, item))
    elif item.sibling is not None:
        expand(item, item.sibling, step, found)


def _resource_type(value: Any, declared: str) -> str:
    name = value.get("resourceType") if isinstance(value, dict) else None
    return name if isinstance(name, str) else declared
