"""Validation of a code, a Coding or a CodeableConcept for people: one verdict with its reasons.

Spec: https://hl7.org/fhir/R4/valueset-operation-validate-code.html and
https://hl7.org/fhir/R4/codesystem-operation-validate-code.html
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fhir_server.model import Issue, JsonObject, issue
from fhir_server.terminology.check import CodeCheck, check_code, check_member
from fhir_server.terminology.display import ANY_LANGUAGE, Languages
from fhir_server.terminology.systems import CodeSystems
from fhir_server.terminology.value_set import CompiledValueSet

_DOUBTS = {"code-not-checked"}
"""A code that a fragment does not have may be right: a warning, not a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingToCheck:
    """One coding of a request.

    Attributes:
        system: None: the request says that it is to be inferred.
        code: The code.
        display: Compared, where given.
        version: Of the system, where given.
        expression: Place in the request: ``Coding``, ``CodeableConcept.coding[0]``, "" for a code.
    """

    system: str | None
    code: str
    display: str | None = None
    version: str | None = None
    expression: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationOptions:
    """How strictly codes are looked at.

    Attributes:
        languages: Of the displays.
        allows_abstract: Whether codes that only group others will do.
        infers_system: Whether codes without system get theirs from the value set.
        supplements: Canonicals of supplements to apply where the code system alone is asked.
    """

    languages: Languages = ANY_LANGUAGE
    allows_abstract: bool = True
    infers_system: bool = False
    supplements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeValidation:
    """The answer: ``result`` with what speaks against it, and the code that was recognised."""

    result: bool
    issues: tuple[Issue, ...]
    check: CodeCheck | None = None

    @property
    def errors(self) -> tuple[Issue, ...]:
        """The reasons of a refusal."""
        return tuple(found for found in self.issues if found.is_error)


def validate_in_value_set(
    value_set: CompiledValueSet,
    systems: CodeSystems,
    codings: tuple[CodingToCheck, ...],
    options: ValidationOptions,
) -> CodeValidation:
    """Check codings against a value set: one must be in, and none may be wrong in itself."""

    def check(coding: CodingToCheck) -> CodeCheck:
        if coding.system is None and not options.infers_system:
            text = issue("coding-without-system", found=coding.code)
            return CodeCheck(verdict="not-member", issues=(text,))
        return check_member(
            value_set,
            systems,
            coding.system,
            coding.code,
            display=coding.display,
            version=coding.version,
            languages=options.languages,
            explains=True,
        )

    return _verdict(codings, check, options)


def validate_in_code_system(
    systems: CodeSystems,
    url: str | None,
    version: str | None,
    codings: tuple[CodingToCheck, ...],
    options: ValidationOptions,
) -> CodeValidation:
    """Check codings against their code system; ``url`` None: each coding names its own."""

    def check(coding: CodingToCheck) -> CodeCheck:
        system = coding.system or url
        if system is None:
            text = issue("coding-without-system", found=coding.code)
            return CodeCheck(verdict="not-member", issues=(text,))
        if url is not None and system != url:
            text = issue("code-of-other-system", found=system, expected=url)
            return CodeCheck(verdict="not-member", issues=(text,))
        return check_code(
            systems,
            system,
            coding.code,
            display=coding.display,
            version=coding.version or version,
            languages=options.languages,
            supplements=options.supplements,
        )

    return _verdict(codings, check, options)


def _verdict(
    codings: tuple[CodingToCheck, ...],
    check: Callable[[CodingToCheck], CodeCheck],
    options: ValidationOptions,
) -> CodeValidation:
    checks = [_strictly(check(coding), options) for coding in codings]
    good = next((c for c in checks if c.is_member and not _errors(c)), None)
    issues: list[Issue] = []
    for coding, found in zip(codings, checks, strict=True):
        issues.extend(_placed(_weighed(found, has_good=good is not None), coding))
    is_doubtful = any(_is_doubt(found) for found in checks)
    return CodeValidation(
        result=not any(i.is_error for i in issues) and (good is not None or is_doubtful),
        issues=tuple(issues),
        check=good or next((c for c in checks if c.member is not None), None),
    )


def _strictly(found: CodeCheck, options: ValidationOptions) -> CodeCheck:
    concept = found.member.concept if found.member else None
    if options.allows_abstract or concept is None or not concept.is_abstract:
        return found
    text = issue("code-abstract", found=concept.code)
    return replace(found, verdict="not-member", issues=(*found.issues, text))


def _errors(found: CodeCheck) -> bool:
    return any(i.is_error for i in found.issues)


def _is_doubt(found: CodeCheck) -> bool:
    return found.verdict == "not-checked" and all(i.rule in _DOUBTS for i in found.issues)


def _weighed(found: CodeCheck, *, has_good: bool) -> Iterator[Issue]:
    """Say how bad each finding is for the whole.

    Beside a coding that is in, one that is merely not in, or whose system is not here, is no error;
    one that its own code system does not have is.
    """
    for one in found.issues:
        if found.verdict == "not-checked" and one.rule not in _DOUBTS:
            yield replace(one, severity="warning" if has_good else "error")
        elif one.rule == "code-not-in-value-set" and has_good:
            yield replace(one, severity="information")
        else:
            yield one


def _placed(issues: Iterator[Issue], coding: CodingToCheck) -> Iterator[Issue]:
    leaf = {"code-unknown": "code", "display-wrong": "display", "code-system-unknown": "system"}
    for one in issues:
        place = leaf.get(one.rule, "code" if coding.expression else "")
        expression = ".".join(filter(None, (coding.expression, place)))
        yield replace(one, expression=expression or None)


def coding_to_check(coding: JsonObject, expression: str) -> CodingToCheck:
    """Read a Coding."""
    return CodingToCheck(
        system=coding.get("system"),
        code=coding.get("code", ""),
        display=coding.get("display"),
        version=coding.get("version"),
        expression=expression,
    )
