"""Guard rails: what would make a profile useless or contradict its base, told before it is used.

Spec: https://hl7.org/fhir/R4/profiling.html
"""

from collections.abc import Callable, Iterator

from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.guard import canonical, context, invariant, slices, tightening
from fhir_server.validation.guard.draft import Draft

Rail = Callable[[Draft], Iterator[Finding]]

RAILS: tuple[Rail, ...] = (
    tightening.check,
    slices.check,
    canonical.check,
    invariant.check,
    context.check,
)
"""The order in which findings are told."""


def check(draft: Draft) -> Findings:
    """Return everything that is wrong with a profile whose snapshot could be made."""
    return [finding for rail in RAILS for finding in rail(draft)]


__all__ = ["RAILS", "Draft", "check"]
