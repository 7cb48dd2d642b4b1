"""FHIRPath Patch: add, insert, delete, replace, move.

Spec: https://hl7.org/fhir/R4/fhirpatch.html
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fhir_server.definitions import TypeTable
from fhir_server.fhirpath import Env, FhirPathError, Node, compile_expression, root_node
from fhir_server.interaction.json_patch import MAX_OPERATIONS
from fhir_server.model import InvalidRequest, JsonObject, TooCostly, ValidationFailed

_PARTS = frozenset({"type", "path", "name", "value", "index", "source", "destination"})


class _Operation(NamedTuple):
    """One operation of a patch, with what its refusals need."""

    at: int
    type: str
    path: str
    values: Mapping[str, Any]

    @property
    def place(self) -> str:
        return f"Parameters.parameter[{self.at}]"

    def malformed(self, part: str) -> InvalidRequest:
        return InvalidRequest.of(
            "fhirpath-patch-part", expression=self.place, part=part, type=self.type
        )

    def does_not_fit(self) -> ValidationFailed:
        return ValidationFailed.of(
            "fhirpath-patch-does-not-fit",
            expression=self.place,
            path=self.path,
            type=self.type,
        )

    def integer(self, part: str) -> int:
        value = self.values.get(part)
        if not isinstance(value, int) or value < 0:
            raise self.malformed(part)
        return value


def apply_fhirpath_patch(
    resource: JsonObject, parameters: JsonObject, types: TypeTable
) -> JsonObject:
    """Return what the operations make of a resource; the resource itself stays as it is.

    Raises:
        TooCostly: More than 500 operations.
        InvalidRequest: The patch is malformed.
        ValidationFailed: It does not fit the resource: a path leads nowhere or to several elements.
    """
    given = parameters.get("parameter", [])
    if len(given) > MAX_OPERATIONS:
        raise TooCostly.of("patch-too-long", found=len(given), expected=MAX_OPERATIONS)
    patcher = _Patcher(copy.deepcopy(resource), types)
    for index, parameter in enumerate(given):
        patcher.apply(_operation(index, parameter, types))
    return patcher.resource


def _operation(index: int, parameter: Any, types: TypeTable) -> _Operation:
    parts = parameter.get("part", []) if isinstance(parameter, dict) else []
    values: dict[str, Any] = {}
    for part in parts:
        name = part.get("name")
        if name in _PARTS:
            values[name] = part if name == "value" else _plain(part)
    operation = _Operation(index, str(values.get("type", "")), str(values.get("path", "")), values)
    if operation.type not in _Patcher.KINDS:
        raise operation.malformed("type")
    if not operation.path:
        raise operation.malformed("path")
    return operation


def _plain(part: JsonObject) -> Any:
    return next((value for key, value in part.items() if key.startswith("value")), None)


class _Patcher:
    """Applies operations to a resource of its own, one after the other."""

    KINDS = frozenset({"add", "insert", "delete", "replace", "move"})

    def __init__(self, resource: JsonObject, types: TypeTable) -> None:
        self.resource = resource
        self._types = types

    def apply(self, operation: _Operation) -> None:
        apply: Mapping[str, Callable[[_Operation], None]] = {
            "add": self._add,
            "insert": self._insert,
            "delete": self._delete,
            "replace": self._replace,
            "move": self._move,
        }
        apply[operation.type](operation)

    def _nodes(self, operation: _Operation, path: str) -> list[Node]:
        try:
            expression = compile_expression(path, self._types)
            return expression.evaluate(root_node(self.resource, self._types), Env())
        except FhirPathError as error:
            raise InvalidRequest.of(
                "fhirpath-patch-path", expression=operation.place, path=path, reason=str(error)
            ) from error

    def _one(self, operation: _Operation, path: str) -> Node:
        found = self._nodes(operation, path)
        if len(found) != 1:
            raise operation.does_not_fit()
        return found[0]

    def _add(self, operation: _Operation) -> None:
        """Put a value under a name; to the end where the element repeats."""
        owner = self._one(operation, operation.path)
        name = operation.values.get("name")
        if not isinstance(name, str) or not isinstance(owner.value, dict):
            raise operation.malformed("name")
        known = self._types.element(owner.fhir_type, name)
        if known is None:
            raise operation.does_not_fit()
        key, slot = self._value(operation, name, known.types, is_choice=known.is_choice)
        slot.put(owner.value, key, is_collection=known.is_collection)

    def _insert(self, operation: _Operation) -> None:
        owner, key, items, fhir_types = self._list(operation)
        index = operation.integer("index")
        if index > len(items):
            raise operation.malformed("index")
        _, slot = self._value(operation, key, fhir_types, is_choice=False)
        companions = _companions(owner, key, len(items))
        items.insert(index, slot.value)
        companions.insert(index, slot.companion)
        owner[key] = items
        _keep_companions(owner, key, companions)

    def _move(self, operation: _Operation) -> None:
        owner, key, items, _ = self._list(operation)
        source, destination = operation.integer("source"), operation.integer("destination")
        if source >= len(items) or destination >= len(items):
            raise operation.malformed("destination")
        companions = _companions(owner, key, len(items))
        items.insert(destination, items.pop(source))
        companions.insert(destination, companions.pop(source))
        _keep_companions(owner, key, companions)

    def _replace(self, operation: _Operation) -> None:
        found = self._one(operation, operation.path)
        if found.parent is None or found.key is None:
            raise operation.does_not_fit()
        name = found.key.removesuffix(found.fhir_type[:1].upper() + found.fhir_type[1:])
        known = self._types.element(found.parent.fhir_type, name or found.key)
        is_choice = known is not None and known.is_choice
        fhir_types = known.types if known is not None and is_choice else (found.fhir_type,)
        key, slot = self._value(
            operation, name if is_choice else found.key, fhir_types, is_choice=is_choice
        )
        owner = found.parent.value
        if found.index is None:
            owner.pop(found.key, None)
            owner.pop(f"_{found.key}", None)
            slot.put(owner, key, is_collection=False)
            return
        items = owner[found.key]
        companions = _companions(owner, key, len(items))
        items[found.index], companions[found.index] = slot.value, slot.companion
        _keep_companions(owner, key, companions)

    def _delete(self, operation: _Operation) -> None:
        """Take one element away; none at all is no error, as the specification has it."""
        found = self._nodes(operation, operation.path)
        if not found:
            return
        target = found[0]
        if len(found) > 1 or target.parent is None or target.key is None:
            raise operation.does_not_fit()
        owner = target.parent.value
        for key in (target.key, f"_{target.key}"):
            if key not in owner:
                continue
            if target.index is None:
                del owner[key]
            elif target.index < len(owner[key]):
                del owner[key][target.index]
            if not owner.get(key, True):
                del owner[key]
        self._drop_empty(target.parent)

    def _drop_empty(self, node: Node) -> None:
        """Take away what has become empty: FHIR knows no empty objects."""
        if node.value or node.parent is None or node.key is None:
            return
        owner = node.parent.value
        if node.index is None:
            owner.pop(node.key, None)
        else:
            del owner[node.key][node.index]
            if not owner[node.key]:
                del owner[node.key]
        self._drop_empty(node.parent)

    def _list(self, operation: _Operation) -> tuple[JsonObject, str, list[Any], tuple[str, ...]]:
        """Return the object, the key and the items that a path to a repeating element means."""
        found = self._nodes(operation, operation.path)
        if found:
            first = found[0]
            if first.parent is None or first.key is None or first.index is None:
                raise operation.does_not_fit()
            if any(node.key != first.key or not _is_beside(node, first) for node in found):
                raise operation.does_not_fit()
            items = first.parent.value[first.key]
            return first.parent.value, first.key, items, (first.fhir_type,)
        owner_path, _, name = operation.path.rpartition(".")
        if not owner_path or not name.isalnum():
            raise operation.does_not_fit()
        owner = self._one(operation, owner_path)
        known = self._types.element(owner.fhir_type, name)
        if known is None or not known.is_collection or not isinstance(owner.value, dict):
            raise operation.does_not_fit()
        return owner.value, name, [], known.types

    def _value(
        self, operation: _Operation, name: str, fhir_types: tuple[str, ...], *, is_choice: bool
    ) -> tuple[str, "_Slot"]:
        """Return the JSON property and the value of the part ``value``."""
        part = operation.values.get("value")
        if not isinstance(part, dict):
            raise operation.malformed("value")
        if "part" in part:
            return name, _Slot(self._object(operation, part["part"], fhir_types[0]))
        if "resource" in part:
            return name, _Slot(part["resource"])
        for given in part:
            key = given.removeprefix("_")
            if key.startswith("value"):
                slot = _Slot(part.get(key), part.get(f"_{key}"))
                return (f"{name}{key.removeprefix('value')}" if is_choice else name), slot
        raise operation.malformed("value")

    def _object(self, operation: _Operation, parts: list[Any], fhir_type: str) -> JsonObject:
        """Put an element without a type of its own together from its parts."""
        made: JsonObject = {}
        for part in parts:
            name = str(part.get("name", ""))
            known = self._types.element(fhir_type, name)
            if known is None:
                raise operation.does_not_fit()
            inner = operation._replace(values={"value": part})
            key, slot = self._value(inner, name, known.types, is_choice=known.is_choice)
            slot.put(made, key, is_collection=known.is_collection)
        return made


class _Slot(NamedTuple):
    """A value with what stands beside it (``_name`` in FHIR's JSON)."""

    value: Any = None
    companion: Any = None

    def put(self, owner: JsonObject, key: str, *, is_collection: bool) -> None:
        """Write both into an object, at the end of a list where the element repeats."""
        if not is_collection:
            given = {key: self.value, f"_{key}": self.companion}
            owner.update({name: value for name, value in given.items() if value is not None})
            return
        items = owner.setdefault(key, [])
        companions = _companions(owner, key, len(items))
        items.append(self.value)
        _keep_companions(owner, key, [*companions, self.companion])


def _companions(owner: JsonObject, key: str, length: int) -> list[Any]:
    """Return what stands beside the items of a list: None beside most."""
    found = owner.get(f"_{key}")
    companions = list(found) if isinstance(found, list) else []
    return [*companions, *[None] * (length - len(companions))]


def _keep_companions(owner: JsonObject, key: str, companions: list[Any]) -> None:
    if any(companion is not None for companion in companions):
        owner[f"_{key}"] = companions
    else:
        owner.pop(f"_{key}", None)


def _is_beside(one: Node, other: Node) -> bool:
    """Say whether two nodes are elements of the same object."""
    return (
        one.parent is not None
        and other.parent is not None
        and one.parent.value is other.parent.value
    )
