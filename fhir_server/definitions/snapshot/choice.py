"""Elements with a choice of types: shortcuts such as ``valueQuantity``, and what type slices mean.

Spec: https://hl7.org/fhir/R4/profiling.html#slicing, "slicing by type", and
https://hl7.org/fhir/R4/formats.html#choice
"""

from collections.abc import Iterable, Sequence

from fhir_server.definitions.snapshot.differential import Change
from fhir_server.definitions.snapshot.node import Node
from fhir_server.definitions.type_table import type_code
from fhir_server.model import JsonObject

_BY_TYPE: JsonObject = {"discriminator": [{"type": "type", "path": "$this"}], "ordered": False}
_EXTENSIONS = frozenset({"extension", "modifierExtension"})


def slice_of(target: Node, change: Change) -> str | None:
    """Return the slice of ``target`` that a change is about; None: it is about the element itself.

    A shortcut is a slice. One that has become the element itself (``value[x]:valueQuantity``
    without an entry ``value[x]``) is not.
    """
    if change.slice_name is not None:
        found: str | None = change.slice_name
    else:
        found = None if change.name == target.name else change.name
    return None if found == target.slice_name else found


def is_lone(target: Node, change: Change, *, in_slice: bool) -> bool:
    """Say whether a slice is none: nothing is sliced there, and the differential slices nothing.

    HL7's generator then lays it over the element itself: a single shortcut inside of another slice,
    a named ``value[x]`` that narrows no type, and a named element that is no extension.
    """
    if "slicing" in target.definition or target.slices or target.name in _EXTENSIONS:
        return False
    if not target.is_choice:
        return "/" not in (change.slice_name or "")
    if not change.definition:
        return in_slice or len(target.definition.get("type", ())) == 1
    if change.written_name != target.name:
        return in_slice
    return "type" not in change.definition and not change.children


def typed(definition: JsonObject, choice: str, slice_name: str) -> JsonObject:
    """Narrow a type slice to the type that its name says, where it says one."""
    found = type_of_choice(definition, choice, slice_name)
    return definition if found is None else {**definition, "type": [found]}


def type_of_choice(definition: JsonObject, choice: str, name: str) -> JsonObject | None:
    """Return the type of ``value[x]`` that ``valueQuantity`` stands for."""
    stem = choice.removesuffix("[x]")
    if not name.startswith(stem):
        return None
    suffix = name[len(stem) :]
    types: Iterable[JsonObject] = definition.get("type", ())
    return next((t for t in types if _capital(type_code(t)) == suffix), None)


def narrowed(
    target: Node, before: Node, changes: Sequence[Change], *, has_entry: bool
) -> JsonObject:
    """Return the definition of a choice after its slices were laid over it.

    A slice that must be there leaves no room for another type. Shortcuts alone say which types are
    meant; where the differential speaks of the choice itself too, or the base had sliced it, the
    other types stay.
    """
    definition = target.definition
    if "slicing" in before.definition:
        return definition
    found = [target.find_slice(slice_of(target, change) or "") for change in changes]
    slices = [node.definition for node in found if node is not None]
    required = [node for node in slices if node.get("min", 0) > before.definition.get("min", 0)]
    if required:
        definition = {**definition, "type": required[0]["type"], "min": 1}
    elif not has_entry:
        wanted = {type_code(t) for node in slices for t in node.get("type", ())}
        types = [t for t in definition.get("type", ()) if type_code(t) in wanted]
        definition = {**definition, "type": types}
    if required or not has_entry or len(definition.get("type", ())) == 1:
        return {**definition, "slicing": {**_BY_TYPE, "rules": "closed"}}
    return {"slicing": {**_BY_TYPE, "rules": "open"}, **definition}


def _capital(code: str) -> str:
    return code[:1].upper() + code[1:]
