"""An object of the answer while it is made: what directives bring together under one name.

Spec: https://hl7.org/fhir/R4/graphql.html#flattening
"""

from typing import Any

from fhir_server.model import JsonObject
from fhir_server.operation.graphql.document import Field
from fhir_server.operation.graphql.fault import fault


class _Collected:
    __slots__ = ("fhir_type", "is_list", "values")

    def __init__(self, fhir_type: str, *, is_list: bool) -> None:
        self.fhir_type = fhir_type
        self.is_list = is_list
        self.values: list[Any] = []


class Collation:
    """Values by name, in the order in which the names come up."""

    def __init__(self) -> None:
        self._entries: dict[str, _Collected] = {}

    def add(self, field: Field, name: str, value: Any, fhir_type: str, *, is_list: bool) -> None:
        """Put a value under a name.

        Raises:
            Faults: There is one already and it is no list, or it is of another type.
        """
        entry = self.expect(name, fhir_type, is_list=is_list)
        if entry.fhir_type != fhir_type:
            raise fault(
                "graphql-flatten-types",
                field.place,
                name=name,
                found=fhir_type,
                expected=entry.fhir_type,
            )
        if entry.values and not entry.is_list:
            raise fault("graphql-singleton", field.place, name=name)
        entry.values.append(value)

    def expect(self, name: str, fhir_type: str, *, is_list: bool) -> _Collected:
        """Keep a place for a name, also where no value comes."""
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = _Collected(fhir_type, is_list=is_list)
        return entry

    def json(self) -> JsonObject:
        """Return the object."""
        return {
            name: entry.values if entry.is_list else entry.values[0]
            for name, entry in self._entries.items()
            if entry.values or entry.is_list
        }
