"""Tokens: codes, identifiers, contact points and booleans, compared to the letter.

Spec: https://hl7.org/fhir/R4/search.html#token
"""

from collections.abc import Callable, Iterable
from typing import Any

from fhir_server.search.clause import CodeExpander, Question, split, unescape
from fhir_server.search.gathered import Gathered, IndexOptions, Writer
from fhir_server.search.links import read_link
from fhir_server.search.params import string
from fhir_server.search.tree import Node, Not, TokenMatch, TokenTerm
from fhir_server.search.values import TokenValue

MODIFIERS = ("text", "not", "in", "not-in", "above", "below", "of-type")
_PLAIN = frozenset({"code", "string", "id", "uri", "url", "canonical", "oid", "uuid", "markdown"})


def writer(parameter: str, fhir_type: str, options: IndexOptions) -> Writer | None:
    """Return what indexes values of ``fhir_type``; None: the type is no token."""
    if options.is_component and fhir_type in _BARE_WRITERS:
        return _BARE_WRITERS[fhir_type](parameter)
    make = _WRITERS.get(fhir_type)
    if make is not None:
        return make(parameter)
    return _plain_writer(parameter) if fhir_type in _PLAIN else None


def _plain_writer(parameter: str) -> Writer:
    def write(value: Any, into: Gathered) -> None:
        if value.__class__ is str:
            into.found.append(TokenValue(parameter, "", value))

    return write


def _boolean_writer(parameter: str) -> Writer:
    """Booleans have no system (the implicit one of the specification "is never actually used")."""

    def write(value: Any, into: Gathered) -> None:
        into.found.append(TokenValue(parameter, "", "true" if value is True else "false"))

    return write


def _coding_writer(parameter: str) -> Writer:
    text_parameter = parameter + ":text"

    def write(value: Any, into: Gathered) -> None:
        get = value.get
        into.found.append(TokenValue(parameter, get("system", ""), get("code", "")))
        display = get("display")
        if display is not None:
            into.text(text_parameter, display)

    return write


def _concept_writer(parameter: str) -> Writer:
    text_parameter = parameter + ":text"
    write_coding = _coding_writer(parameter)

    def write(value: Any, into: Gathered) -> None:
        codings = value.get("coding")
        if codings:
            for coding in codings:
                write_coding(coding, into)
        else:
            into.found.append(TokenValue(parameter, "", ""))
        text = value.get("text")
        if text is not None:
            into.text(text_parameter, text)

    return write


def _identifier_writer(parameter: str) -> Writer:
    of_type, text_parameter = parameter + ":of-type", parameter + ":text"

    def write(value: Any, into: Gathered) -> None:
        get = value.get
        code = get("value", "")
        into.found.append(TokenValue(parameter, get("system", ""), code))
        kind = get("type")
        if kind is not None:
            for coding in kind.get("coding", ()):
                typed = f"{coding.get('code', '')}|{code}"
                into.found.append(TokenValue(of_type, coding.get("system", ""), typed))
            text = kind.get("text")
            if text is not None:
                into.text(text_parameter, text)

    return write


def _bare_coding_writer(parameter: str) -> Writer:
    """As part of a composite: no modifier can ask for the text."""

    def write(value: Any, into: Gathered) -> None:
        into.found.append(TokenValue(parameter, value.get("system", ""), value.get("code", "")))

    return write


def _bare_concept_writer(parameter: str) -> Writer:
    def write(value: Any, into: Gathered) -> None:
        for coding in value.get("coding") or ():
            system, code = coding.get("system", ""), coding.get("code", "")
            into.found.append(TokenValue(parameter, system, code))

    return write


def _contact_writer(parameter: str) -> Writer:
    """``phone|+380…`` works as well as the number alone."""

    def write(value: Any, into: Gathered) -> None:
        get = value.get
        into.found.append(TokenValue(parameter, get("system", ""), get("value", "")))

    return write


_WRITERS: dict[str, Callable[[str], Writer]] = {
    "boolean": _boolean_writer,
    "Coding": _coding_writer,
    "CodeableConcept": _concept_writer,
    "Identifier": _identifier_writer,
    "ContactPoint": _contact_writer,
}

_BARE_WRITERS: dict[str, Callable[[str], Writer]] = {
    "Coding": _bare_coding_writer,
    "CodeableConcept": _bare_concept_writer,
}


def match(question: Question) -> Node:
    """Read a token search with any of its modifiers."""
    read = _MATCHES.get(question.modifier)
    return tokens(question) if read is None else read(question)


def tokens(question: Question, derived: str = "") -> TokenMatch:
    """Read the values as ``code``, ``system|code``, ``|code`` or ``system|``.

    Args:
        question: The parameter.
        derived: What the name the values are indexed under ends in (``:identifier``).
    """
    return TokenMatch(
        parameter=question.parameter + derived,
        values=tuple(_term(question, value) for value in question.alternatives),
    )


def _term(question: Question, value: str) -> TokenTerm:
    pieces = split(value, "|", 1)
    if len(pieces) == 1:
        return TokenTerm(None, unescape(value))
    system, code = map(unescape, pieces)
    if not system and not code:
        raise question.refuse("search-token-invalid", found=value)
    return TokenTerm(system, code or None)


def _text(question: Question) -> Node:
    """``:text`` is processed as a string."""
    return string.match(question.derived("text"))


def _not(question: Question) -> Node:
    return Not(part=tokens(question))


def _of_type(question: Question) -> Node:
    terms = []
    for value in question.alternatives:
        pieces = [unescape(piece) for piece in split(value, "|", 2)]
        if len(pieces) != 3 or not all(pieces):  # noqa: PLR2004 # system|code|value
            raise question.refuse("search-of-type-invalid", found=value)
        system, code, identifier = pieces
        terms.append(TokenTerm(system, f"{code}|{identifier}"))
    return TokenMatch(parameter=question.parameter + ":of-type", values=tuple(terms))


def _in(question: Question) -> Node:
    expander = _expander(question)
    terms: list[TokenTerm] = []
    for value in question.alternatives:
        members = expander.members(_value_set(question, unescape(value)))
        if members is None:
            raise question.refuse("search-value-set-unknown", found=value)
        _take(question, terms, (TokenTerm(system, code) for system, code in members))
    return TokenMatch(parameter=question.parameter, values=tuple(terms))


def _value_set(question: Question, uri: str) -> str:
    """Return the canonical of a value set; one that is named by its address here is looked up.

    An address goes before a canonical of the same text (search.html#modifiers).
    """
    link = read_link(uri, question.scope.base_urls)
    if link.type != "ValueSet":
        return uri
    listed = question.scope.registry.listing("ValueSet")
    entry = next((entry for entry in reversed(listed) if entry.id == link.id), None)
    if entry is None:
        return uri
    return f"{entry.url}|{entry.version}" if entry.version else entry.url


def _not_in(question: Question) -> Node:
    return Not(part=_in(question))


def _above(question: Question) -> Node:
    return _hierarchy(question, _expander(question).ancestors)


def _below(question: Question) -> Node:
    return _hierarchy(question, _expander(question).descendants)


def _hierarchy(
    question: Question, related: Callable[[str, str], Iterable[str] | None]
) -> TokenMatch:
    terms: list[TokenTerm] = []
    for value in question.alternatives:
        system, code = _term(question, value)
        if not system or not code:
            raise question.refuse("search-hierarchy-system", found=value)
        codes = related(system, code)
        if codes is None:
            raise question.refuse("search-code-system-unknown", found=system)
        _take(question, terms, (TokenTerm(system, found) for found in codes))
    return TokenMatch(parameter=question.parameter, values=tuple(terms))


def _expander(question: Question) -> CodeExpander:
    if question.scope.expander is None:
        raise question.refuse("search-terminology-missing", found=question.modifier)
    return question.scope.expander


def _take(question: Question, terms: list[TokenTerm], found: Iterable[TokenTerm]) -> None:
    """Add terms, up to the limit."""
    limit = question.scope.limits.max_expansion
    for term in found:
        if len(terms) == limit:
            raise question.too_costly("search-expansion-too-large", expected=limit)
        terms.append(term)


_MATCHES: dict[str | None, Callable[[Question], Node]] = {
    "text": _text,
    "not": _not,
    "of-type": _of_type,
    "in": _in,
    "not-in": _not_in,
    "above": _above,
    "below": _below,
}
