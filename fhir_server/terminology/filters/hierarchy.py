"""Filters that follow the hierarchy of a code system.

Spec: https://hl7.org/fhir/R4/valueset-filter-operator.html. A value that is no code of the system
selects nothing.
"""

from fhir_server.terminology.concept import CodeSystem


def is_a(system: CodeSystem, _property: str, value: str) -> frozenset[str]:
    """Select the concept itself and everything below it."""
    concept = system.find(value)
    if concept is None:
        return frozenset()
    return system.descendants(concept.code) | {concept.code}


def descendent_of(system: CodeSystem, _property: str, value: str) -> frozenset[str]:
    """Select everything below the concept, without it."""
    concept = system.find(value)
    return frozenset() if concept is None else system.descendants(concept.code)


def is_not_a(system: CodeSystem, name: str, value: str) -> frozenset[str]:
    """Select what is neither the concept nor below it."""
    return frozenset(concept.code for concept in system.concepts()) - is_a(system, name, value)


def generalizes(system: CodeSystem, _property: str, value: str) -> frozenset[str]:
    """Select the concept itself and everything above it."""
    concept = system.find(value)
    if concept is None:
        return frozenset()
    return system.ancestors(concept.code) | {concept.code}


def child_of(system: CodeSystem, _property: str, value: str) -> frozenset[str]:
    """Select what is exactly one step below."""
    concept = system.find(value)
    return frozenset() if concept is None else frozenset(system.children(concept.code))


def descendent_leaf(system: CodeSystem, name: str, value: str) -> frozenset[str]:
    """Select what is below and has nothing below itself."""
    below = descendent_of(system, name, value)
    return frozenset(code for code in below if not system.children(code))
