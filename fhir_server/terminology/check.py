"""Is this code right: membership in a value set, presence in a code system, and its display.

Spec: https://hl7.org/fhir/R4/terminologies.html and
https://hl7.org/fhir/R4/valueset-operation-validate-code.html
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fhir_server.model import Issue, issue
from fhir_server.terminology.concept import CodeSystem, Concept
from fhir_server.terminology.display import ANY_LANGUAGE, Languages, display_of, names_in
from fhir_server.terminology.suggestion import MOST_SUGGESTIONS, suggestions
from fhir_server.terminology.systems import CodeSystems
from fhir_server.terminology.value_set import CompiledValueSet, Member

Verdict = Literal["member", "not-member", "not-checked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCheck:
    """What was found out about a code.

    Attributes:
        verdict: ``not-checked`` where a code system or value set is not here, or here in part.
        issues: Why it is not a member or not checked, and what else is to be said about a member
            (wrong display, inactive). Severities are those of the catalogue; callers may weigh
            them anew, a binding by its strength.
        display: The display that would be right.
        member: The code as it stands in the system, where it is known.
    """

    verdict: Verdict
    issues: tuple[Issue, ...] = ()
    display: str | None = None
    member: Member | None = None

    @property
    def is_member(self) -> bool:
        """Whether the code is certainly in."""
        return self.verdict == "member"

    @property
    def system(self) -> str | None:
        """Canonical of the code's system, where it was found."""
        return self.member.system if self.member else None


def check_member(
    value_set: CompiledValueSet,
    systems: CodeSystems,
    system: str | None,
    code: str,
    *,
    display: str | None = None,
    version: str | None = None,
    languages: Languages = ANY_LANGUAGE,
    explains: bool = False,
) -> CodeCheck:
    """Check a code against a value set; ``system`` None: whichever system it is from.

    With ``explains`` a refusal says which codes are near, and what the code system says itself.
    """
    found = value_set.match(system, code, version)
    if found.members:
        return _judge(found.members, code, display, languages)
    if found.unknown:
        return CodeCheck(verdict="not-checked", issues=found.unknown)
    reason = issue(
        "code-not-in-value-set",
        found=_coding(system, code),
        expected=value_set.canonical,
        suggestions=suggestions(code, value_set.members()) if explains else (),
    )
    issues = [reason]
    if system is not None and explains:
        alone = check_code(systems, system, code, display=display, version=version)
        if alone.verdict == "not-member":
            issues.extend(alone.issues)
    return CodeCheck(verdict="not-member", issues=tuple(issues))


def check_code(
    systems: CodeSystems,
    system: str,
    code: str,
    *,
    display: str | None = None,
    version: str | None = None,
    languages: Languages = ANY_LANGUAGE,
    supplements: tuple[str, ...] = (),
    explains: bool = True,
) -> CodeCheck:
    """Check a code against its code system alone; ``explains``: say which codes are near."""
    known = systems.find(system, version, supplements)
    shown = f"{system}|{version}" if version else system
    if known is None:
        definition = systems.definition(system, version)
        if definition is not None and definition.get("content") == "supplement":
            text = issue("code-system-supplement", found=shown, expected=definition["supplements"])
            return CodeCheck(verdict="not-member", issues=(text,))
        return CodeCheck(verdict="not-checked", issues=(issue("code-system-unknown", found=shown),))
    concept = known.find(code)
    if concept is None:
        return _unknown_code(known, shown, code, explains=explains)
    return _judge((_member(known, concept),), code, display, languages)


def _unknown_code(known: CodeSystem, shown: str, code: str, *, explains: bool) -> CodeCheck:
    if known.content != "complete":
        doubt = issue("code-not-checked", found=code, system=shown, expected=known.content)
        return CodeCheck(verdict="not-checked", issues=(doubt,))
    members = (_member(known, concept) for concept in known.concepts())
    near = suggestions(code, members) if explains else ()
    text = issue("code-unknown", found=code, system=shown, suggestions=near)
    return CodeCheck(verdict="not-member", issues=(text,))


def _judge(
    members: tuple[Member, ...], code: str, display: str | None, languages: Languages
) -> CodeCheck:
    """A code that is in may still have a wrong display, be inactive or differ by case."""
    member = members[-1]
    issues: list[Issue] = []
    shown = display_of(member, languages)
    if member.code != code:
        issues.append(issue("code-case-differs", found=code, expected=member.code))
    if member.concept is not None and member.concept.is_inactive:
        issues.append(issue("code-inactive", found=_coding(member.system, member.code)))
    if display is not None:
        issues.extend(_check_display(members, display, languages, shown))
    return CodeCheck(verdict="member", issues=tuple(issues), display=shown, member=member)


def _check_display(
    members: tuple[Member, ...], display: str, languages: Languages, shown: str | None
) -> Iterable[Issue]:
    """Compare without case, which the specification leaves to the code system.

    Spec: https://hl7.org/fhir/R4/codesystem-operation-validate-code.html
    """
    allowed = [name for member in members for name in names_in(member, languages)[0]]
    folded = display.casefold()
    if allowed and all(name.casefold() != folded for name in allowed):
        yield issue(
            "display-wrong",
            found=display,
            expected=shown or allowed[0],
            code_shown=members[-1].code,
            suggestions=tuple(dict.fromkeys(allowed))[:MOST_SUGGESTIONS],
        )


def _coding(system: str | None, code: str) -> str:
    return f"{system}|{code}" if system else code


def _member(known: CodeSystem, concept: Concept) -> Member:
    return Member(
        system=known.url,
        version=known.version,
        code=concept.code,
        concept=concept,
        code_system=known,
    )
