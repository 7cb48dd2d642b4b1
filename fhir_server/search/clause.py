"""One ``name=value`` of a query: its pieces, its escapes, and how it is refused.

Spec: https://hl7.org/fhir/R4/search.html#escaping
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import SequenceMatcher
from typing import Protocol

from fhir_server.definitions import Registry, SearchParameter
from fhir_server.model import InvalidRequest, TooCostly, issue
from fhir_server.search.gathered import CanonicalUnit
from fhir_server.search.limits import SearchLimits


class CodeExpander(Protocol):
    """What search asks of terminology; None: the value set or code system is not known here."""

    def members(self, value_set: str) -> Iterable[tuple[str, str]] | None:
        """Return (system, code) of every concept of a value set (``url`` or ``url|version``)."""

    def descendants(self, system: str, code: str) -> Iterable[str] | None:
        """Return a code and all codes it subsumes."""

    def ancestors(self, system: str, code: str) -> Iterable[str] | None:
        """Return a code and all codes that subsume it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a whole query is read against.

    Attributes:
        registry: The definitions.
        limits: How much may be asked.
        base_urls: Own base URLs, without trailing slash: links below them are local.
        now: For the tolerance of ``ap``.
        expander: For ``:in``, ``:above`` and ``:below``; None: those are refused.
        canonical_unit: The same that the index was made with.
        full_text: Parameters that search by words; the index was made with them.
    """

    registry: Registry
    limits: SearchLimits
    base_urls: tuple[str, ...]
    now: datetime
    expander: CodeExpander | None = None
    canonical_unit: CanonicalUnit | None = None
    full_text: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One parameter as it is asked.

    Attributes:
        name: As written, with chain and modifier, for messages.
        parameter: The name its values are indexed under.
        modifier: Without colon; None: none.
        alternatives: What the commas separate, not empty, escapes left in.
        definition: The parameter.
        scope: See there.
    """

    name: str
    parameter: str
    modifier: str | None
    alternatives: tuple[str, ...]
    definition: SearchParameter
    scope: Scope

    def part(self, parameter: str, value: str, definition: SearchParameter) -> "Question":
        """Return the question that one component of a composite asks."""
        return replace(
            self,
            parameter=parameter,
            modifier=None,
            alternatives=(value,),
            definition=definition,
        )

    def derived(self, modifier: str) -> "Question":
        """Return the same question about the values indexed under ``parameter:modifier``."""
        return replace(self, parameter=f"{self.parameter}:{modifier}", modifier=None)

    def too_costly(self, rule: str, **values: object) -> TooCostly:
        """Make the refusal of this parameter for its cost."""
        return TooCostly.of(rule, expression=f"http.{self.name}", clause=self.name, **values)

    def refuse(self, rule: str, **values: object) -> InvalidRequest:
        """Make the refusal of this parameter; see `refusal`."""
        return refusal(rule, self.name, **values)


def refusal(
    rule: str, name: str, suggestions: tuple[str, ...] = (), /, **values: object
) -> InvalidRequest:
    """Make the refusal of a query parameter.

    Args:
        rule: An id of the catalogue; its placeholder ``clause`` is the name.
        name: The parameter as written.
        suggestions: Nearest valid choices.
        **values: Further placeholders.

    Returns:
        The exception, with ``http.`` and the name as expression
        (https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.expression).
    """
    made = issue(rule, expression=f"http.{name}", clause=name, **values)  # type: ignore[arg-type] # placeholders only
    return InvalidRequest((replace(made, suggestions=suggestions),))


def split(text: str, separator: str, at_most: int = -1) -> list[str]:
    """Split at the separators that no backslash precedes; the pieces keep their escapes.

    Args:
        text: A value or a piece of one.
        separator: ``,``, ``|`` or ``$``.
        at_most: Number of splits; -1: all.
    """
    if separator not in text:
        return [text]
    if "\\" not in text:
        return text.split(separator, at_most)
    pieces = [""]
    for piece in _escaped(text):
        if piece == separator and at_most != 0:
            pieces.append("")
            at_most -= 1
        else:
            pieces[-1] += piece
    return pieces


def unescape(text: str) -> str:
    r"""Resolve ``\,``, ``\|``, ``\$`` and ``\\``; another backslash stands for itself."""
    if "\\" not in text:
        return text
    return "".join(
        piece[1] if len(piece) == 2 and piece[1] in ",|$\\" else piece  # noqa: PLR2004 # a pair
        for piece in _escaped(text)
    )


def _escaped(text: str) -> Iterator[str]:
    """Characters one by one, a backslash together with what it precedes."""
    at = 0
    while at < len(text):
        length = 2 if text[at] == "\\" else 1
        yield text[at : at + length]
        at += length


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word most like ``word``; "" where none is known."""
    matcher = SequenceMatcher(b=word.lower(), autojunk=False)

    def likeness(candidate: str) -> float:
        matcher.set_seq1(candidate.lower())
        return matcher.ratio()

    return max(sorted(known), key=likeness, default="")


def one_of(choices: Sequence[str]) -> str:
    """Write choices for a message."""
    return ", ".join(choices)
