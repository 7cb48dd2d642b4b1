"""What a check reports: a rule and its values, without a place until the way back up supplies it.

A valid resource builds none of these. A check that fails returns findings; every level they pass
on the way up appends its step, so that pointer and expression are worked out only for what failed.
See docs/decisions/0030-validation-plans.md.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fhir_server.model import Issue, Severity, Text, escape, hint_for, issue, message
from fhir_server.validation.mend import Mend, patch_of

Step = int | tuple[str, str]
"""An index, or a JSON key with the name of its element (``valueQuantity``, ``value``)."""

_SHOWN = 120


class Finding:
    """One failed rule on its way up.

    Attributes:
        rule: Id of the message in the catalogue.
        values: Placeholders of the message; a ``slice``, with its colon, is added to the element.
        severity: Instead of the catalogue's.
        source: Whose rule it is: ``canonical|version#element id`` or an invariant's key.
        suggestions: Nearest valid choices, best first.
        mend: What mends the place safely; see `mend`.
        steps: The way from here to the resource, innermost first.
        issue: The finding of a layer below, ready but for its place.
        claim: For an extension whose context must be judged from the whole path; see `contexts`.
    """

    __slots__ = (
        "claim", "issue", "mend", "rule", "severity", "source", "steps", "suggestions", "values",
    )  # fmt: skip

    def __init__(
        self,
        rule: str,
        *,
        severity: Severity | None = None,
        source: str | None = None,
        suggestions: tuple[str, ...] = (),
        mend: Mend | None = None,
        at: tuple[Step, ...] = (),
        issue: Issue | None = None,
        claim: Any = None,
        **values: object,
    ) -> None:
        self.rule = rule
        self.values: Mapping[str, object] = values
        self.severity = severity
        self.source = source
        self.suggestions = suggestions
        self.mend = mend
        self.steps: list[Step] = list(at)
        self.issue = issue
        self.claim = claim

    @property
    def is_error(self) -> bool:
        """Whether the content must be refused for it; not while a claim is undecided."""
        if self.claim is not None:
            return False
        if self.issue is not None:
            return self.issue.is_error
        return (self.severity or message(self.rule).severity) in {"error", "fatal"}


Findings = list[Finding]


def has_error(found: Findings | None) -> bool:
    """Say whether the content must be refused for one of the findings."""
    return found is not None and any(finding.is_error for finding in found)


def join(found: Findings | None, more: Findings | None) -> Findings | None:
    """Put two results together; None is the empty one."""
    if more is None:
        return found
    if found is None:
        return more
    found.extend(more)
    return found


def under(found: Findings | None, more: Findings, *steps: Step) -> Findings:
    """Add findings from further down, which lie ``steps`` (innermost first) below this place."""
    for finding in more:
        finding.steps.extend(steps)
    if found is None:
        return more
    found.extend(more)
    return found


def to_issue(finding: Finding, resource_type: str) -> Issue:
    """Work out the place of a finding that has reached the resource it belongs to."""
    steps = finding.steps[::-1]
    pointer = "".join(f"/{s}" if isinstance(s, int) else f"/{escape(s[0])}" for s in steps)
    expression = "".join(f"[{s}]" if isinstance(s, int) else f".{s[1]}" for s in steps)
    patch = None if finding.mend is None else patch_of(finding.mend, pointer)
    if finding.issue is not None:
        found = replace(
            finding.issue, expression=resource_type + expression, pointer=pointer, patch=patch
        )
        return _with_hint(found)
    path = "".join("" if isinstance(s, int) else f".{s[1]}" for s in steps)
    values = {name: _shorten(value) for name, value in finding.values.items()}
    element = f"{resource_type}{path}{values.pop('slice', '')}"
    found = issue(
        finding.rule,
        severity=finding.severity,
        expression=resource_type + expression,
        pointer=pointer,
        source=finding.source,
        suggestions=finding.suggestions,
        patch=patch,
        **{"element": element, **values},  # type: ignore[arg-type] # placeholders only
    )
    return _with_hint(found)


def _with_hint(found: Issue) -> Issue:
    """Add the slip of the fingers by which the nearest right word became the wrong one."""
    if not found.suggestions or found.found is None:
        return found
    hint = hint_for(found.found.rpartition("|")[2], found.suggestions[0])
    if hint is None:
        return found
    text = Text(en=f"{found.text.en} {hint.en}", uk=f"{found.text.uk} {hint.uk}")
    return replace(found, text=text)


def _shorten(value: object) -> object:
    if isinstance(value, str) and len(value) > _SHOWN:
        return value[: _SHOWN - 1] + "…"
    return value
