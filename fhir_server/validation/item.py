"""One value of an element with its type and place: what slicing sorts."""

from typing import Any, NamedTuple

from fhir_server.validation.finding import Step


class Item(NamedTuple):
    """A value under a JSON property.

    Attributes:
        value: The JSON value; None where a primitive has only extensions.
        sibling: The ``_name`` object of a primitive.
        fhir_type: Its declared type.
        step: The JSON property with the name of its element.
        at: Its place in the array; None where there is none.
    """

    value: Any
    sibling: Any
    fhir_type: str
    step: tuple[str, str]
    at: int | None

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return its place in the object around it, innermost step first."""
        return (self.step,) if self.at is None else (self.at, self.step)


def array_items(values: list[Any], fhir_type: str, step: tuple[str, str]) -> list[Item]:
    """List the values of an array of objects."""
    return [Item(value, None, fhir_type, step, at) for at, value in enumerate(values)]
