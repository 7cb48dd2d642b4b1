"""Why an expression is refused or stops: with line and column in the expression's text.

Spec: http://hl7.org/fhirpath/N1/ ("end evaluation and signal an error to the calling environment")
"""

from typing import ClassVar

from fhir_server.model import FhirError, IssueType, issue

_MISSPELT = frozenset({"fhirpath-unknown-element", "fhirpath-unknown-function"})


class Fault(Exception):
    """Something wrong at one place of an expression, before the expression's text is known.

    Attributes:
        rule: Id of the message in the catalogue.
        offset: Place in the expression, in characters from 0.
        values: The placeholders of the message.
    """

    def __init__(self, rule: str, offset: int, **values: object) -> None:
        super().__init__(rule)
        self.rule = rule
        self.offset = offset
        self.values = values


class FhirPathError(FhirError):
    """An expression that cannot be understood, or whose evaluation must stop.

    Attributes:
        text: The expression.
        offset: Where in it, in characters from 0.
        line: The same, 1-based.
        column: The same, 1-based.
    """

    status: ClassVar[int] = 400
    default_code: ClassVar[IssueType] = "invalid"

    def __init__(self, text: str, fault: Fault) -> None:
        self.text = text
        self.offset = min(fault.offset, len(text))
        self.line = text.count("\n", 0, self.offset) + 1
        self.column = self.offset - text.rfind("\n", 0, self.offset)
        values = {**fault.values, "row": self.line, "character": self.column}
        near = _nearest(fault)
        super().__init__((issue(fault.rule, suggestions=near, **values),))  # type: ignore[arg-type] # placeholders only


def _nearest(fault: Fault) -> tuple[str, ...]:
    """Return the name that was meant, where there is one near."""
    expected = str(fault.values.get("expected", "-"))
    return () if fault.rule not in _MISSPELT or expected == "-" else (expected,)
