"""Findings: what is wrong with some content, where, by whose rule, and how to mend it.

Spec: https://hl7.org/fhir/R4/operationoutcome.html
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from fhir_server.model.messages import Text, message

Severity = Literal["fatal", "error", "warning", "information"]

IssueType = Literal[
    "invalid", "structure", "required", "value", "invariant",
    "security", "login", "unknown", "expired", "forbidden", "suppressed",
    "processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted",
    "too-long", "code-invalid", "extension", "too-costly", "business-rule", "conflict",
    "transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled",
    "informational",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One finding.

    Attributes:
        severity: ``fatal`` and ``error`` refuse the content, the others do not.
        code: R4's IssueType, nothing invented.
        rule: Stable id of the message in the catalogue, such as ``cardinality-min``.
        text: What was found, what was expected and what to do, in both languages.
        expression: FHIRPath of the place with indexes, such as ``Patient.name[0].given[1]``.
        pointer: JSON Pointer (RFC 6901) of the same place in the posted text; "" is the whole.
        line: 1-based line of the offending value's first character in the posted text.
        column: 1-based column, counted in characters.
        source: Whose rule it is: ``profile|version#element id`` or an invariant's key.
        found: The value met, shortened.
        expected: What would have been right.
        suggestions: Nearest valid choices, best first.
        patch: JSON Patch (RFC 6902) that mends it, only where that is safe.
    """

    severity: Severity
    code: IssueType
    rule: str
    text: Text
    expression: str | None = None
    pointer: str | None = None
    line: int | None = None
    column: int | None = None
    source: str | None = None
    found: str | None = None
    expected: str | None = None
    suggestions: tuple[str, ...] = ()
    patch: tuple[dict[str, Any], ...] | None = None

    @property
    def is_error(self) -> bool:
        """Whether the content must be refused for it."""
        return self.severity in {"error", "fatal"}

    def at_entry(self, index: int) -> "Issue":
        """Return the finding as seen from the Bundle whose entry ``index`` it is in."""
        place = f"Bundle.entry[{index}].resource"
        _, _, rest = (self.expression or "").partition(".")
        pointer = None if self.pointer is None else f"/entry/{index}/resource{self.pointer}"
        return replace(self, expression=f"{place}.{rest}" if rest else place, pointer=pointer)


def issue(
    rule: str,
    /,
    *,
    severity: Severity | None = None,
    code: IssueType | None = None,
    expression: str | None = None,
    pointer: str | None = None,
    line: int | None = None,
    column: int | None = None,
    source: str | None = None,
    suggestions: tuple[str, ...] = (),
    patch: tuple[dict[str, Any], ...] | None = None,
    **values: object,
) -> Issue:
    """Make the finding of a catalogued rule; severity and code are the catalogue's unless given.

    Args:
        rule: An id of the catalogue (``model/messages``).
        severity: Instead of the catalogue's.
        code: Instead of the catalogue's.
        expression: FHIRPath of the place.
        pointer: JSON Pointer of the place.
        line: 1-based line in the posted text.
        column: 1-based column in the posted text.
        source: Whose rule it is.
        suggestions: Nearest valid choices, best first.
        patch: JSON Patch that mends it.
        **values: The placeholders of the message; ``found`` and ``expected`` are kept apart too.

    Raises:
        KeyError: The rule is not in the catalogue or a placeholder has no value.
    """
    entry = message(rule)
    found, expected = values.get("found"), values.get("expected")
    return Issue(
        severity=severity or entry.severity,  # type: ignore[arg-type] # checked by the catalogue's test
        code=code or entry.code,  # type: ignore[arg-type] # checked by the catalogue's test
        rule=rule,
        text=entry.text(values),
        expression=expression,
        pointer=pointer,
        line=line,
        column=column,
        source=source,
        found=None if found is None else str(found),
        expected=None if expected is None else str(expected),
        suggestions=suggestions,
        patch=patch,
    )
