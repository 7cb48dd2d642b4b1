"""Composite parameters: parts that must hold within the same group.

Spec: https://hl7.org/fhir/R4/search.html#composite
"""

from collections.abc import Sequence
from typing import Any

from fhir_server.definitions import Component, Registry, SearchParameter
from fhir_server.search.clause import Question, split
from fhir_server.search.gathered import Gathered, Writer
from fhir_server.search.params import KINDS
from fhir_server.search.tree import CompositeMatch, Leaf, Node, Or
from fhir_server.search.values import CompositeValue


def component_name(parameter: str, position: int) -> str:
    """Return the name that values of a component are indexed under."""
    return f"{parameter}${position}"


def component_definition(registry: Registry, component: Component) -> SearchParameter | None:
    """Return the parameter that says what type a component is of; None: it is not here."""
    found = registry.resource("SearchParameter", component.definition)
    if found is None:
        return None
    for base in found.get("base", ()):
        for definition in registry.search_parameters(base).values():
            if definition.url == component.definition:
                return definition
    return None


def group_writer(parameter: str, components: Sequence[Writer]) -> Writer:
    """Return what indexes one group: nothing unless each component has a value.

    Components are looked at from the last one: in R4 the first is a code that is nearly always
    there, the last a value of one of several types, which mostly is not.
    """
    backwards = tuple(reversed(components))

    def write(value: Any, into: Gathered) -> None:
        outer = into.found
        group: list[Any] = []
        into.found = group
        before = 0
        for component in backwards:
            component(value, into)
            if len(group) == before:
                break
            before = len(group)
        else:
            outer.append(CompositeValue(parameter, tuple(group)))
        into.found = outer

    return write


def match(question: Question) -> Node:
    """Read ``a$b`` groups, each part by its own type."""
    definitions = [
        component_definition(question.scope.registry, component)
        for component in question.definition.components
    ]
    values: list[tuple[Leaf, ...]] = []
    for value in question.alternatives:
        pieces = split(value, "$")
        if len(pieces) != len(definitions) or not all(pieces):
            raise question.refuse(
                "search-composite-invalid", found=value, expected=len(definitions)
            )
        groups: list[tuple[Leaf, ...]] = [()]
        for position, (piece, definition) in enumerate(zip(pieces, definitions, strict=True)):
            if definition is None or definition.type not in KINDS:
                raise question.refuse("search-parameter-not-supported", found=question.parameter)
            part = question.part(component_name(question.parameter, position), piece, definition)
            leaves = _leaves(KINDS[definition.type].match(part))
            groups = [(*group, leaf) for group in groups for leaf in leaves]
        values.extend(groups)
    return CompositeMatch(parameter=question.parameter, values=tuple(values))


def _leaves(node: Node) -> tuple[Leaf, ...]:
    """The alternatives of one part; no component of R4 needs more than leaves."""
    return node.parts if isinstance(node, Or) else (node,)  # type: ignore[return-value] # without modifiers only leaves and Or of leaves are made
