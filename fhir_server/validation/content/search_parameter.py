"""A SearchParameter can work: its expression fits its types, a composite has parts.

Spec: https://hl7.org/fhir/R4/searchparameter.html
"""

from collections.abc import Iterator

from fhir_server.fhirpath import check_expression
from fhir_server.model import JsonObject
from fhir_server.validation.finding import Finding, Findings
from fhir_server.validation.reading import objects, text_of
from fhir_server.validation.scope import Scope

_FEWEST_PARTS = 2


def check(parameter: JsonObject, scope: Scope) -> Findings | None:
    """Check a SearchParameter as a whole."""
    found = [*_parts(parameter), *_expression(parameter, scope), *_derivation(parameter, scope)]
    return found or None


def _parts(parameter: JsonObject) -> Iterator[Finding]:
    number = len(list(objects(parameter, "component")))
    if parameter.get("type") == "composite" and number < _FEWEST_PARTS:
        yield Finding("search-parameter-parts", found=number, expected=_FEWEST_PARTS)


def _bases(parameter: JsonObject) -> list[str]:
    bases = parameter.get("base")
    return [base for base in bases if isinstance(base, str)] if isinstance(bases, list) else []


def _expression(parameter: JsonObject, scope: Scope) -> Iterator[Finding]:
    text = text_of(parameter, "expression")
    types = scope.run.table.registry.types
    bases = [base for base in _bases(parameter) if types.is_type(base)]
    if text is None or not bases:
        return
    for problem in check_expression(text, types, context_types=bases).issues:
        if problem.is_error:
            at = (("expression", "expression"),)
            yield Finding("search-parameter-expression", found=problem.text.en, at=at)
            return


def _derivation(parameter: JsonObject, scope: Scope) -> Iterator[Finding]:
    """A derived parameter keeps to the types and the kind of the one it is derived from."""
    canonical = text_of(parameter, "derivedFrom")
    registry = scope.run.table.registry
    above = None if canonical is None else registry.resource("SearchParameter", canonical)
    if above is None:
        return
    wrong = [base for base in _bases(parameter) if base not in _bases(above)]
    if wrong and "Resource" not in _bases(above):
        yield Finding(
            "search-parameter-base", found=", ".join(wrong), expected=", ".join(_bases(above))
        )
    if above.get("type") != parameter.get("type"):
        yield Finding(
            "search-parameter-type",
            found=parameter.get("type"),
            expected=above.get("type"),
            at=(("type", "type"),),
        )
