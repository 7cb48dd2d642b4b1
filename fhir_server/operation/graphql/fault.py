"""What is wrong with a query, and where in it.

Spec: https://hl7.org/fhir/R4/graphql.html#errors
"""

from collections.abc import Sequence
from typing import NamedTuple

from fhir_server.model import FhirError, InvalidRequest, Issue, issue


class Place(NamedTuple):
    """Where a field or an argument stands in the query; both count from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """One error of the answer.

    Attributes:
        issue: What it is.
        place: Where in the query; None: it is about the request as a whole.
    """

    issue: Issue
    place: Place | None = None


class Faults(Exception):
    """A query that is refused.

    Attributes:
        problems: At least one.
        status: The HTTP status of the answer.
    """

    def __init__(self, problems: Sequence[Problem], status: int = InvalidRequest.status) -> None:
        self.problems = tuple(problems)
        self.status = status
        super().__init__("; ".join(problem.issue.rule for problem in problems))


def problem(
    rule: str, place: Place | None, /, *, suggestions: tuple[str, ...] = (), **values: object
) -> Problem:
    """Make a problem of a catalogued rule."""
    return Problem(issue(rule, suggestions=suggestions, **values), place)  # type: ignore[arg-type] # placeholders only


def fault(rule: str, place: Place | None, /, **values: object) -> Faults:
    """Make the refusal of one catalogued rule."""
    return Faults((problem(rule, place, **values),))  # type: ignore[arg-type] # placeholders only


def refused(refusal: FhirError, place: Place | None) -> Faults:
    """Make the refusal of a query of what another part of the server refuses."""
    return Faults([Problem(found, place) for found in refusal.issues], refusal.status)
