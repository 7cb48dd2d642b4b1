"""Names of types to tests on nodes: ``is``, ``as``, ``ofType()``.

Spec: http://hl7.org/fhirpath/N1/#types and https://hl7.org/fhir/R4/fhirpath.html#types
"""

from collections.abc import Callable

from fhir_server.fhirpath.errors import Fault
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.tree import Member, Tree, TypeName
from fhir_server.fhirpath.type_model import TypeModel

SYSTEM_TYPES = frozenset(
    {"Boolean", "Integer", "Decimal", "String", "Date", "DateTime", "Time", "Quantity", "Any"}
)

IsType = Callable[[str], bool]
"""Whether a ``fhir_type`` is what was asked for."""


def type_name(tree: Tree) -> TypeName:
    """Read an argument such as ``FHIR.Patient`` as the name of a type.

    Raises:
        Fault: It is no name.
    """
    match tree:
        case Member(source=None, name=name):
            return TypeName(None, name, offset=tree.offset)
        case Member(source=Member(source=None, name=namespace), name=name):
            return TypeName(namespace, name, offset=tree.offset)
    raise Fault("fhirpath-unknown-type", tree.offset, found=str(tree))


def type_test(name: TypeName, model: TypeModel, *, exact_primitives: bool) -> IsType:
    """Return the test for a type.

    Args:
        name: As written; without namespace the types of ``model`` come first.
        model: The types of the release.
        exact_primitives: Whether a ``code`` is not taken for a ``string``. ``is`` follows the
            hierarchy; ``as`` and ``ofType`` pick primitives by their own name, because an
            element's type is what its JSON property says (docs/decisions/0012).

    Raises:
        Fault: There is no such type. An unknown ``System.`` type is one that nothing is of.
    """
    if name.namespace == "System":
        return _system_test(name.name)
    is_known = model.is_type(name.name)
    if name.namespace is None and not is_known and name.name in SYSTEM_TYPES:
        return _system_test(name.name)
    if name.namespace not in {None, "FHIR"} or not is_known:
        raise Fault("fhirpath-unknown-type", name.offset, found=str(name))
    if exact_primitives and model.is_primitive(name.name):
        return name.name.__eq__
    tests = _Subtypes(name.name, model)
    if name.namespace is None and name.name in SYSTEM_TYPES:
        tests[f"System.{name.name}"] = True
    return tests.__getitem__


def _system_test(name: str) -> IsType:
    if name == "Any":
        return _is_system
    return f"System.{name}".__eq__


def _is_system(fhir_type: str) -> bool:
    return fhir_type.startswith("System.")


class _Subtypes(dict[str, bool]):
    """Types already asked about, each answered once."""

    def __init__(self, wanted: str, model: TypeModel) -> None:
        super().__init__()
        self._wanted = wanted
        self._model = model

    def __missing__(self, fhir_type: str) -> bool:
        current: str | None = fhir_type
        while current is not None and current != self._wanted:
            current = self._model.base_type(current)
        found = self[fhir_type] = current is not None
        return found


def type_info(item: Node, model: TypeModel) -> Node:
    """Return what ``type()`` says: namespace and name of a node's type."""
    fhir_type = item.fhir_type
    if fhir_type.startswith("System."):
        namespace, _, name = fhir_type.partition(".")
        return Node({"namespace": namespace, "name": name}, "System.SimpleTypeInfo")
    while not model.is_type(fhir_type) and (base := model.base_type(fhir_type)) is not None:
        fhir_type = base
    kind = "SimpleTypeInfo" if model.is_primitive(fhir_type) else "ClassInfo"
    return Node({"namespace": "FHIR", "name": fhir_type}, f"System.{kind}")
