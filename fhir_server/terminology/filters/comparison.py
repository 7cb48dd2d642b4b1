"""Filters that compare the value of a property.

Spec: https://hl7.org/fhir/R4/valueset-filter-operator.html
"""

import re2

from fhir_server.model import ValidationFailed, issue
from fhir_server.terminology.concept import CodeSystem


def equal(system: CodeSystem, name: str, value: str) -> frozenset[str]:
    """Select concepts with that value, to the letter."""
    return frozenset(c.code for c in system.concepts() if value in system.values(c, name))


def in_list(system: CodeSystem, name: str, value: str) -> frozenset[str]:
    """Select concepts whose value is in a comma-separated list."""
    wanted = _list(value)
    return frozenset(
        c.code for c in system.concepts() if not wanted.isdisjoint(system.values(c, name))
    )


def not_in_list(system: CodeSystem, name: str, value: str) -> frozenset[str]:
    """Select concepts none of whose values is in the list, those without the property included."""
    wanted = _list(value)
    return frozenset(c.code for c in system.concepts() if wanted.isdisjoint(system.values(c, name)))


def exists(system: CodeSystem, name: str, value: str) -> frozenset[str]:
    """Select concepts that have the property (``true``) or lack it (``false``)."""
    wanted = value == "true"
    return frozenset(c.code for c in system.concepts() if bool(system.values(c, name)) is wanted)


def regex(system: CodeSystem, name: str, value: str) -> frozenset[str]:
    """Select concepts whose whole value matches; RE2, so that no pattern can hang.

    Raises:
        ValidationFailed: No regular expression, or one that needs to look around or back.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile(value, options)
    except re2.error as error:
        wrong = issue("value-set-filter-regex", found=value, system=system.url)
        raise ValidationFailed((wrong,)) from error
    return frozenset(
        c.code
        for c in system.concepts()
        if any(pattern.fullmatch(text) is not None for text in system.values(c, name))
    )


def _list(value: str) -> set[str]:
    return {part.strip() for part in value.split(",")}
