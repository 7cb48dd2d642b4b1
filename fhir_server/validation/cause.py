"""One cause, one issue: findings that only repeat what another one has said are left out.

A code that its system does not have is in no value set either; a concept whose code is malformed
does not match its pattern; an element whose name is misspelt is missing under its right name; and
what an invariant says of a broken value is no news. A finding counts as a consequence only of an
error that lies at its place or below, in an element that it is about.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from fhir_server.model import Issue
from fhir_server.validation.finding import Finding

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_NARROWED = frozenset(("binding-required", "binding-extensible", "reference-target-type"))
_Way = tuple[int | str, ...]


class Told(NamedTuple):
    """A finding with the issue made of it, and its place as indexes and element names."""

    finding: Finding
    issue: Issue
    way: _Way

    @property
    def rank(self) -> int:
        """Consequences have a greater rank than their causes."""
        return _RANKS.get(self.issue.rule, 0)

    @property
    def cause(self) -> _Way:
        """Where the cause lies: of a missing element, where it would be."""
        name = self.finding.values.get("name")
        if self.issue.rule == "cardinality-min" and isinstance(name, str):
            return (*self.way, name.partition("[")[0])
        if self.issue.rule == "property-unknown" and self.issue.suggestions:
            return (*self.way[:-1], self.issue.suggestions[0])
        return self.way


def told(finding: Finding, issue: Issue) -> Told:
    """Put a finding and its issue together."""
    way = tuple(step if isinstance(step, int) else step[1] for step in reversed(finding.steps))
    return Told(finding, issue, way)


def one_for_each_cause(found: Sequence[Told]) -> list[Issue]:
    """Return the issues without the consequences of others."""
    if not any(each.issue.is_error for each in found):
        return [each.issue for each in found]
    causes: dict[_Way, list[Told]] = defaultdict(list)
    for each in found:
        if each.issue.is_error:
            for length in range(len(each.cause) + 1):
                causes[each.cause[:length]].append(each)
    narrowed = {
        (each.issue.rule, each.way)
        for each in found
        if each.issue.rule in _NARROWED and not _is_of_base(each.issue)
    }
    kept: list[Told] = []
    unsafe: set[int] = set()
    for each in found:
        if _is_of_base(each.issue) and (each.issue.rule, each.way) in narrowed:
            continue
        blamed = [cause for cause in causes[each.way] if _is_consequence(each, cause)]
        unsafe.update(id(cause.finding) for cause in blamed if _is_removal(cause))
        if not blamed:
            kept.append(each)
    return [
        replace(each.issue, patch=None) if id(each.finding) in unsafe else each.issue
        for each in kept
    ]


def _is_removal(cause: Told) -> bool:
    """Say whether the patch takes the value away, which its consequences would outlive."""
    return cause.finding.mend is not None and cause.finding.mend[0] == "remove"


def _is_of_base(found: Issue) -> bool:
    return (found.source or "").startswith(_BASE)


def _is_consequence(each: Told, cause: Told) -> bool:
    follows = _FOLLOWS.get(each.issue.rule)
    below = cause.cause[len(each.way) :]
    return follows is not None and cause.rank < each.rank and follows(each, cause, below)


def _is_about_code(each: Told, _cause: Told, below: _Way) -> bool:
    """A binding: of the same value, or of a concept whose only coding is wrong."""
    is_only_coding = ", " not in str(each.finding.values.get("found", ""))
    return not below or (is_only_coding and bool(set(below) & _CODE_PARTS))


def _is_part_of_pattern(each: Told, _cause: Told, below: _Way) -> bool:
    """A fixed value or pattern: it holds the broken element."""
    return not below or f'"{below[0]}"' in str(each.finding.values.get("expected", ""))


def _is_missing_there(each: Told, cause: Told, below: _Way) -> bool:
    """A missing element: it is there, but misspelt or broken; a slice: some value of it is."""
    name = str(each.finding.values.get("name", ""))
    element, _, slice_name = name.replace("[x]", "").partition(":")
    if not below:
        return cause.issue.rule == "element-without-content"
    if "[x]" in name and str(below[0]).startswith(element):
        return True
    return below[0] == element and (len(below) == 1 or bool(slice_name))


def _is_named(each: Told, cause: Told, below: _Way) -> bool:
    """An invariant: its expression speaks of the broken element."""
    words = set(_WORD.findall(str(each.finding.values.get("expected", ""))))
    names = {step for step in below if isinstance(step, str)}
    return names <= words or cause.issue.rule == "element-without-content"


def _always(_each: Told, _cause: Told, _below: _Way) -> bool:
    return True


_WORD = re.compile(r"[A-Za-z]+")
_CODE_PARTS = frozenset(("code", "system"))
_Follows = Callable[[Told, Told, _Way], bool]
_FOLLOWS: Mapping[str, _Follows] = MappingProxyType(
    {
        "binding-required": _is_about_code,
        "binding-extensible": _is_about_code,
        "binding-no-code": _always,
        "fixed-value": _is_part_of_pattern,
        "pattern-value": _is_part_of_pattern,
        "slice-missing": _is_missing_there,
        "slice-closed": _always,
        "cardinality-min": _is_missing_there,
        "extension-value-or-parts": _always,
        "coding-system-missing": _always,
        "invariant-failed": _is_named,
    }
)
_RANKS: Mapping[str, int] = MappingProxyType(
    {
        "coding-system-missing": 1,
        "binding-required": 2,
        "binding-extensible": 2,
        "binding-no-code": 2,
        "fixed-value": 3,
        "pattern-value": 3,
        "slice-missing": 4,
        "slice-closed": 4,
        "cardinality-min": 4,
        "cardinality-max": 4,
        "extension-value-or-parts": 4,
        "invariant-failed": 5,
    }
)
