"""The criteria of a Measure that are written in CQL find their library.

Only the criteria of stratifiers are looked at, as HL7's validator does.

Spec: https://hl7.org/fhir/R4/measure.html
"""

from collections.abc import Iterator

from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.reading import object_of, objects, text_of
from fhir_server.validation.scope import Scope

_CQL = "text/cql"
_ELM = "application/elm+"


def check(measure: JsonObject, scope: Scope) -> Findings | None:
    """Check the criteria of a Measure's stratifiers."""
    libraries = list(_libraries(measure, scope))
    found: Findings = []
    for index, group in objects(measure, "group"):
        for position, stratifier in objects(group, "stratifier"):
            criteria = object_of(stratifier, "criteria")
            finding = _criteria(criteria, libraries)
            if finding is not None:
                finding.steps += [("criteria", "criteria"), position, ("stratifier", "stratifier")]
                finding.steps += [index, ("group", "group")]
                found.append(finding)
    return found or None


def _libraries(measure: JsonObject, scope: Scope) -> Iterator[JsonObject]:
    named = measure.get("library")
    for canonical in named if isinstance(named, list) else ():
        if not isinstance(canonical, str):
            continue
        library = scope.run.table.registry.resource("Library", canonical)
        if library is not None:
            yield library


def _criteria(criteria: JsonObject, libraries: list[JsonObject]) -> Finding | None:
    expression = text_of(criteria, "expression")
    if criteria.get("language") != _CQL or expression is None:
        return None
    if not libraries:
        return Finding("measure-without-library", found=expression)
    namespace, dot, _ = expression.partition(".")
    if not dot:
        if len(libraries) > 1:
            return Finding("measure-library-ambiguous", found=expression)
        return _compiled(libraries[0])
    for library in libraries:
        if library.get("name") == namespace.strip('"'):
            return _compiled(library)
    return Finding("measure-library-unknown", found=namespace)


def _compiled(library: JsonObject) -> Finding | None:
    """A library can be run only where it carries its compiled form, ELM."""
    if any(str(c.get("contentType")).startswith(_ELM) for _, c in objects(library, "content")):
        return None
    return Finding("measure-library-not-compiled", found=library.get("url"))
