"""Groups, populations and stratifiers of a report, each with the one of the Measure it answers.

Spec: https://hl7.org/fhir/R4/measurereport-definitions.html#MeasureReport.group.code
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Findings, Step
from fhir_server.validation.reading import objects

_Code = tuple[str, str]


class Part(NamedTuple):
    """A part of a report.

    Attributes:
        json: As it was sent.
        steps: Its place in what holds it.
        definition: The part of the Measure with the same code; None: the only one, without code.
    """

    json: JsonObject
    steps: tuple[Step, ...]
    definition: JsonObject | None


def report_parts(
    name: str, holder: JsonObject, wanted: list[JsonObject], found: Findings
) -> Iterator[Part]:
    """Yield the parts of a report under ``name`` that answer a wanted one; report the others."""
    if not wanted:
        return
    answered: list[int] = []
    for index, json in objects(holder, name):
        steps: tuple[Step, ...] = (index, (name, name))
        position = _answers(json, wanted, name)
        if isinstance(position, Finding):
            position.steps += steps
            found.append(position)
        elif position in answered:
            found.append(Finding("measure-part-repeated", name=name, at=steps))
        else:
            answered.append(position)
            yield Part(json, steps, wanted[position])
    if name == "group" and len(wanted) == 1 and list(objects(holder, name)):
        return
    for position, definition in enumerate(wanted):
        if position not in answered:
            shown = ", ".join("#".join(code) for code in sorted(_codes(definition)))
            found.append(Finding("measure-part-missing", name=name, expected=shown))


def _answers(json: JsonObject, wanted: list[JsonObject], name: str) -> int | Finding:
    codes = _codes(json)
    if name == "group" and len(wanted) == 1 and ("code" not in json or not _codes(wanted[0])):
        return 0
    if "code" not in json:
        return Finding("measure-part-without-code", name=name)
    for position, definition in enumerate(wanted):
        if codes & _codes(definition):
            return position
    shown = ", ".join("#".join(code) for code in sorted(codes))
    return Finding("measure-part-unknown", name=name, found=shown)


def _codes(part: JsonObject) -> frozenset[_Code]:
    concept: Any = part.get("code")
    concepts = [
        item
        for item in (concept if isinstance(concept, list) else [concept])
        if isinstance(item, dict)
    ]
    codes = frozenset(
        (str(coding.get("system")), str(coding["code"]))
        for item in concepts
        for _, coding in objects(item, "coding")
        if "code" in coding
    )
    return codes or frozenset(("", str(item["text"])) for item in concepts if "text" in item)
