"""Languages that people ask for, and the display of a concept that suits them.

Spec: https://hl7.org/fhir/R4/languages.html, ranges https://www.rfc-editor.org/rfc/rfc4647
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fhir_server.model import InvalidRequest
from fhir_server.terminology.value_set import Member

_RANGE = re.compile(
    r"(?P<tag>\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:\s*;\s*q=(?P<q>[01](?:\.\d+)?))?"
)
_DISPLAY_USES = {"display", "preferredForLanguage", "preferred"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Languages:
    """Languages in the order of preference.

    Attributes:
        ranges: Tags such as ``uk`` or ``de-CH``; none: any language will do.
        is_strict: Nothing but these (``*;q=0``): better no display than one in another language.
    """

    ranges: tuple[str, ...] = ()
    is_strict: bool = False


ANY_LANGUAGE = Languages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One name of a concept; ``language`` None: not said."""

    value: str
    language: str | None
    is_display: bool


def parse_languages(text: str) -> Languages:
    """Read the value of ``displayLanguage`` or ``Accept-Language``.

    Raises:
        InvalidRequest: No list of language ranges.
    """
    weighted: list[tuple[float, str]] = []
    is_strict = False
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise InvalidRequest.of("language-range-invalid", found=text)
        weight = float(match["q"] or 1)
        if match["tag"] == "*":
            is_strict = is_strict or weight == 0
        elif weight > 0:
            weighted.append((weight, match["tag"]))
    ordered = sorted(weighted, key=lambda pair: -pair[0])
    return Languages(ranges=tuple(tag for _, tag in ordered), is_strict=is_strict)


def names(member: Member) -> Iterator[Name]:
    """List the names of a member: the value set's own first, then the code system's."""
    language = member.code_system.language if member.code_system else None
    for source, fallback in ((member.listed, None), (member.concept, language)):
        if source is None:
            continue
        if isinstance(source, dict):
            display, designations = source.get("display"), source.get("designation", ())
        else:
            display, designations = source.display, source.designations
        if display is not None:
            yield Name(value=display, language=fallback, is_display=True)
        for designation in designations:
            use = designation.get("use", {}).get("code")
            yield Name(
                value=designation.get("value", ""),
                language=designation.get("language"),
                is_display=use is None or use in _DISPLAY_USES,
            )


def display_of(member: Member, languages: Languages = ANY_LANGUAGE) -> str | None:
    """Choose the display that suits best; None: there is none in the languages allowed."""
    candidates = [name for name in names(member) if name.is_display]
    for wanted in languages.ranges:
        for name in candidates:
            if name.language is not None and speaks(name.language, wanted):
                return name.value
    if languages.is_strict and languages.ranges:
        return None
    return candidates[0].value if candidates else None


def names_in(member: Member, languages: Languages) -> tuple[list[str], bool]:
    """List the names that are right for a reader of ``languages``; say whether any is in them.

    Without a wish every name is right. Where the concept has no name in the languages asked for,
    those in the language of the code system, and those that do not say their language, are.
    """
    found = list(names(member))
    if not languages.ranges:
        return [name.value for name in found], True
    in_them = [
        name.value
        for name in found
        if name.language is not None and any(speaks(name.language, r) for r in languages.ranges)
    ]
    if in_them:
        return in_them, True
    own = member.code_system.language if member.code_system else None
    return [name.value for name in found if name.language in {None, own}], False


def speaks(language: str, wanted: str) -> bool:
    """Say whether ``language`` serves who wants ``wanted``: ``de-CH`` and ``de`` do mutually."""
    first, second = language.lower().split("-"), wanted.lower().split("-")
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]
