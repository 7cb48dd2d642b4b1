"""A MeasureReport answers its Measure: the same groups, populations and stratifiers, a fit score.

Spec: https://hl7.org/fhir/R4/measurereport.html
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fhir_server.model import JsonObject
from fhir_server.validation.content.measure_part import Part, report_parts
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.reading import object_of, objects, text_of
from fhir_server.validation.scope import Scope

_SCORING = "http://terminology.hl7.org/CodeSystem/measure-scoring"
_SCORED = frozenset(("proportion", "ratio", "continuous-variable"))
_SCORE: Step = ("measureScore", "measureScore")


def check(report: JsonObject, scope: Scope) -> Findings | None:
    """Check a report whose Measure is here."""
    canonical = text_of(report, "measure")
    measure = None if canonical is None else scope.run.table.registry.resource("Measure", canonical)
    if measure is None or report.get("type") == "data-collection":
        return None
    found: Findings = []
    wanted = [group for _, group in objects(measure, "group")]
    for part in report_parts("group", report, wanted, found):
        inner: Findings = list(_group(part, measure, report))
        for finding in inner:
            finding.steps += part.steps
        found += inner
    return found or None


def _group(part: Part, measure: JsonObject, report: JsonObject) -> Iterator[Finding]:
    yield from _score(part.json, measure)
    if part.definition is None:
        return
    found: Findings = []
    for name in ("population", "stratifier"):
        wanted = [item for _, item in objects(part.definition, name)]
        for inner in report_parts(name, part.json, wanted, found):
            if name == "population":
                for finding in _population(inner.json, report):
                    finding.steps += inner.steps
                    found.append(finding)
    yield from found


def _population(population: JsonObject, report: JsonObject) -> Iterator[Finding]:
    """Subjects are listed in a subject-list only, and counted right there."""
    if report.get("type") != "subject-list":
        if "subjectResults" in population:
            at: tuple[Step, ...] = (("subjectResults", "subjectResults"),)
            yield Finding("measure-report-subjects", at=at)
        return
    count, number = population.get("count"), _listed(population, report)
    if isinstance(count, int) and number is not None and count != number:
        at = (("count", "count"),)
        yield Finding("measure-report-count", found=count, expected=number, at=at)


def _listed(population: JsonObject, report: JsonObject) -> int | None:
    """Return how many subjects the list of a population has; None: it is not here."""
    if "subjectResults" not in population:
        return 0
    reference = text_of(object_of(population, "subjectResults"), "reference") or ""
    for _, contained in objects(report, "contained"):
        if reference == f"#{contained.get('id')}":
            return len(list(objects(contained, "entry")))
    return None


def _score(group: JsonObject, measure: JsonObject) -> Iterator[Finding]:
    codings = objects(object_of(measure, "scoring"), "coding")
    scoring = next((c.get("code") for _, c in codings if c.get("system") == _SCORING), None)
    if scoring is None:
        return
    score = group.get("measureScore")
    if scoring == "cohort":
        if score is not None:
            yield Finding("measure-score-cohort", at=(_SCORE,))
        return
    if scoring not in _SCORED:
        return
    if not isinstance(score, dict):
        yield Finding("measure-score-missing", expected=scoring)
        return
    for finding in _scored(score, str(scoring)):
        finding.steps.append(_SCORE)
        yield finding


def _scored(score: JsonObject, scoring: str) -> Iterator[Finding]:
    value: Any = score.get("value")
    if value is None:
        yield Finding("measure-score-missing", expected=scoring)
    if scoring != "proportion":
        return
    if "unit" in score:
        yield Finding("measure-score-unit", found=score["unit"], at=(("unit", "unit"),))
    if isinstance(value, int | float | Decimal) and not 0 <= value <= 1:
        yield Finding("measure-score-range", found=value, at=(("value", "value"),))
