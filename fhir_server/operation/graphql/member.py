"""What a name means on a type: elements, and what GraphQL for FHIR puts beside them.

Spec: https://hl7.org/fhir/R4/graphql.html#fields
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from fhir_server.definitions import TypeTable

QUERY = "Query"
"""The type of what stands at the root of a query on the system."""
TEXT = "System.String"
NUMBER = "System.Integer"

Kind = Literal["typename", "element", "sibling", "target", "read", "list", "connection"]


class Member(NamedTuple):
    """One field of a type.

    Attributes:
        kind: ``element``: a JSON property; ``sibling``: that of a primitive's id and extensions;
            ``target``: the resource that a reference leads to; ``read``, ``list``,
            ``connection``: resources by id or by search.
        fhir_type: Of its value.
        is_collection: Whether it repeats.
    """

    kind: Kind
    fhir_type: str
    is_collection: bool = False


_LIST, _CONNECTION, _EDGE = "List", "Connection", "Edge"
_OF_CONNECTION = {
    "count": NUMBER, "offset": NUMBER, "pagesize": NUMBER, "pageSize": NUMBER,
    "first": TEXT, "previous": TEXT, "next": TEXT, "last": TEXT,
}  # fmt: skip
_OF_EDGE = {"mode": TEXT, "score": "System.Decimal"}


class Members:
    """The fields of each type.

    Args:
        types: Of the release.
    """

    def __init__(self, types: TypeTable) -> None:
        self.types = types
        self._known: dict[tuple[str, str], Member | None] = {}
        self._concrete: dict[str, frozenset[str]] = {}

    def of(self, fhir_type: str, name: str) -> Member | None:
        """Return what a name is on a concrete type; None: nothing."""
        key = (fhir_type, name)
        if key not in self._known:
            self._known[key] = self._found(fhir_type, name)
        return self._known[key]

    def names(self, fhir_type: str) -> Iterator[str]:
        """Yield the names that a concrete type has, searches left out."""
        yield "__typename"
        if fhir_type == QUERY:
            for one in sorted(self.types.resource_types):
                yield from (one, one + _LIST, one + _CONNECTION)
            return
        if fhir_type.endswith(_CONNECTION) and self._searched(fhir_type, _CONNECTION):
            yield from (*_OF_CONNECTION, "edges")
            return
        if fhir_type.endswith(_EDGE) and self._searched(fhir_type, _EDGE):
            yield from (*_OF_EDGE, "resource")
            return
        if self.types.is_resource(fhir_type):
            yield "resourceType"
        if fhir_type == "Reference":
            yield "resource"
        for name, found in self.types.properties(fhir_type).items():
            yield name
            if self.is_leaf(found.fhir_type) and not found.fhir_type.startswith("System."):
                yield f"_{name}"

    def scope(self, fhir_type: str) -> frozenset[str]:
        """Return the types that a value of a type can really have."""
        found = self._concrete.get(fhir_type)
        if found is None:
            found = frozenset((fhir_type,))
            if self.types.is_resource(fhir_type) and self.types.is_abstract(fhir_type):
                all_types = self.types.resource_types
                found = frozenset(t for t in all_types if self.types.is_subtype(t, fhir_type))
            self._concrete[fhir_type] = found
        return found

    def fits(self, fhir_type: str, conditions: Iterable[str]) -> bool:
        """Say whether a type meets the type conditions of fragments."""
        return all(
            condition == type_name(fhir_type)
            or (self.types.is_type(condition) and self.types.is_subtype(fhir_type, condition))
            for condition in conditions
        )

    def is_leaf(self, fhir_type: str) -> bool:
        """Say whether values of a type have no fields."""
        return self.types.is_primitive(fhir_type)

    def _found(self, fhir_type: str, name: str) -> Member | None:
        if name == "__typename":
            return Member("typename", TEXT)
        if fhir_type == QUERY:
            found = self._search(name)
            return Member("read", name) if name in self.types.resource_types else found
        if resource_type := self._searched(fhir_type, _CONNECTION):
            if name == "edges":
                return Member("element", resource_type + _EDGE, is_collection=True)
            return _leaf(_OF_CONNECTION.get(name))
        if resource_type := self._searched(fhir_type, _EDGE):
            if name == "resource":
                return Member("element", resource_type)
            return _leaf(_OF_EDGE.get(name))
        return self._of_data(fhir_type, name)

    def _of_data(self, fhir_type: str, name: str) -> Member | None:
        found = self.types.property(fhir_type, name)
        if found is not None:
            return Member("element", found.fhir_type, found.is_collection)
        if fhir_type == "Reference" and name == "resource":
            return Member("target", "Resource")
        if self.types.is_resource(fhir_type):
            own = Member("element", TEXT) if name == "resourceType" else self._search(name)
            return own or self._sibling(fhir_type, name)
        return self._sibling(fhir_type, name)

    def _search(self, name: str) -> Member | None:
        if resource_type := self._searched(name, _LIST):
            return Member("list", resource_type, is_collection=True)
        if self._searched(name, _CONNECTION):
            return Member("connection", name)
        return None

    def _searched(self, name: str, ending: str) -> str | None:
        resource_type = name.removesuffix(ending)
        is_one = resource_type != name and resource_type in self.types.resource_types
        return resource_type if is_one else None

    def _sibling(self, fhir_type: str, name: str) -> Member | None:
        found = self.types.property(fhir_type, name[1:]) if name.startswith("_") else None
        if found is None or not self.is_leaf(found.fhir_type):
            return None
        if found.fhir_type.startswith("System."):
            return None
        return Member("sibling", "Element", found.is_collection)


def _leaf(fhir_type: str | None) -> Member | None:
    return None if fhir_type is None else Member("element", fhir_type)


def type_name(fhir_type: str) -> str:
    """Return GraphQL's name of a type: ``PatientContact`` for ``Patient.contact``."""
    head, *steps = fhir_type.removeprefix("System.").split(".")
    return head + "".join(step[:1].upper() + step[1:] for step in steps)
