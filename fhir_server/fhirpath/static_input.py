"""Whether the input and the arguments of a function can be what it takes.

Spec: http://hl7.org/fhirpath/N1/#functions
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from fhir_server.fhirpath import tree as nodes
from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.functions import Argument, Function
from fhir_server.fhirpath.shape import Kind, Shape, kind_of
from fhir_server.fhirpath.type_model import TypeModel

_KINDS: Mapping[str, frozenset[Kind]] = MappingProxyType(
    {
        "String": frozenset({"text", "temporal", "time"}),
        "Integer": frozenset({"number"}),
        "Integer, Decimal": frozenset({"number"}),
        "Integer, Decimal, Quantity": frozenset({"number", "quantity"}),
        "Quantity": frozenset({"quantity"}),
        "Boolean": frozenset({"boolean"}),
        "Date, DateTime, Time": frozenset({"temporal", "time"}),
    }
)
"""What is of a kind, by the label of what a function takes; a FHIR date is text too."""

_TAKEN: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("allTrue", "anyTrue", "allFalse", "anyFalse"), "Boolean"),
    }
)
"""Of functions that are no plain function of one value."""

_REFERENCES = frozenset({"Reference", "canonical", "uri", "url", "oid", "uuid", "string"})


def input_faults(
    entry: Function, tree: nodes.Call, source: Shape, results: list[Shape], model: TypeModel
) -> Iterator[Fault]:
    """Report an input, and arguments, of which no type is right."""
    label = entry.takes.label if entry.takes is not None else _TAKEN.get(entry.name)
    if entry.name == "resolve":
        is_right: Callable[[str], bool] = _is_reference
        label = "Reference, canonical, uri"
    elif label is not None:
        kinds = _KINDS[label]
        is_right = lambda fhir_type: kind_of(fhir_type, model) in kinds  # noqa: E731 # one of two
    if label is not None and _is_wrong(source, is_right):
        yield _fault(tree.name, tree.offset, source, label)
    values = (a for a, kind in zip(tree.arguments, entry.arguments, strict=False)
              if kind is not Argument.TYPE)  # fmt: skip
    for argument, shape, taken in zip(values, results, entry.argument_takes, strict=False):
        wanted = _KINDS.get(taken.label)
        if wanted is not None and _is_wrong(shape, lambda t, w=wanted: kind_of(t, model) in w):  # type: ignore[misc] # bound now
            yield _fault(tree.name, argument.offset, shape, taken.label)


def _is_wrong(shape: Shape, is_right: Callable[[str], bool]) -> bool:
    return bool(shape.types) and not any(map(is_right, shape.types or ()))


def _is_reference(fhir_type: str) -> bool:
    return fhir_type in _REFERENCES or fhir_type in {"System.String", "Resource", "Element"}


def _fault(name: str, offset: int, shape: Shape, expected: str) -> Fault:
    found = " | ".join(sorted(shape.types or ()))
    return Fault("fhirpath-operand", offset, function=f"{name}()", found=found, expected=expected)
