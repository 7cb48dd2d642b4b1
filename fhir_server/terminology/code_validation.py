"""Validation of a code, a Coding or a CodeableConcept for people: one verdict with its reasons.

Spec: https://hl7.org/fhir/R4/valueset-operation-validate-code.html and
https://hl7.org/fhir/R4/codesystem-operation-validate-code.html
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fhir_server.model import Issue, JsonObject, issue
from fhir_server.terminology.check import CodeCheck, check_code, check_member
from fhir_server.terminology.display import ANY_LANGUAGE, Languages
from fhir_server.terminology.standing import remarks, status_issues
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
        is_lenient_about_displays: Whether a wrong display is only a warning.
        checks_membership_only: Whether displays, states and standings are left alone.
        is_active_only: Whether inactive codes are refused.
        supplements: Canonicals of supplements to apply where the code system alone is asked.
    """

    languages: Languages = ANY_LANGUAGE
    allows_abstract: bool = True
    infers_system: bool = False
    is_lenient_about_displays: bool = False
    checks_membership_only: bool = False
    is_active_only: bool = False
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
        if coding.system is None and (ambiguous := _ambiguous(value_set, coding)):
            return ambiguous
        return check_member(
            value_set,
            systems,
            coding.system,
            coding.code,
            display=_display(coding, options),
            version=coding.version,
            languages=options.languages,
            explains=True,
        )

    found = _verdict(codings, check, options)
    return found if options.checks_membership_only else _with_standing(found, systems, value_set)


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
            display=_display(coding, options),
            version=coding.version or version,
            languages=options.languages,
            supplements=options.supplements,
        )

    return _with_standing(_verdict(codings, check, options), systems, None)


def _display(coding: CodingToCheck, options: ValidationOptions) -> str | None:
    return None if options.checks_membership_only else coding.display


def _ambiguous(value_set: CompiledValueSet, coding: CodingToCheck) -> CodeCheck | None:
    """Refuse to infer the system of a code that several systems of the value set have."""
    members = value_set.match(None, coding.code, coding.version).members
    found = sorted({member.system for member in members})
    if len(found) < 2:  # noqa: PLR2004 # one system is what is inferred
        return None
    text = issue("coding-ambiguous", found=coding.code, expected=", ".join(found))
    return CodeCheck(verdict="not-member", issues=(text,))


def _with_standing(
    found: CodeValidation, systems: CodeSystems, value_set: CompiledValueSet | None
) -> CodeValidation:
    """Add what is to be said about definitions that are not settled."""
    member = found.check.member if found.check is not None else None
    definition = None if member is None else systems.definition(member.system, member.version)
    told = status_issues(remarks(value_set, definition))
    return replace(found, issues=(*found.issues, *told))


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
    """Weigh what was found as strictly as the request wants."""
    concept = found.member.concept if found.member else None
    if options.is_lenient_about_displays:
        found = replace(found, issues=tuple(map(_leniently, found.issues)))
    if concept is None:
        return found
    issues = found.issues
    if options.is_active_only and concept.is_inactive:
        issues = tuple(
            replace(i, severity="error") if i.rule == "code-inactive" else i for i in issues
        )
    if not options.allows_abstract and concept.is_abstract:
        issues = (*issues, issue("code-abstract", found=concept.code))
    is_refused = any(i.is_error for i in issues if i.rule != "display-wrong")
    return replace(found, verdict="not-member" if is_refused else found.verdict, issues=issues)


def _leniently(found: Issue) -> Issue:
    return replace(found, severity="warning") if found.rule == "display-wrong" else found


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
