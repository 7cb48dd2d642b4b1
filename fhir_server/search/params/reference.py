"""References: links between resources, and canonical links to definitions.

Spec: https://hl7.org/fhir/R4/search.html#reference
"""

from typing import Any

from fhir_server.model import is_logical_id
from fhir_server.search.clause import Question, nearest, unescape
from fhir_server.search.gathered import Gathered, IndexOptions, Writer
from fhir_server.search.links import read_link
from fhir_server.search.params import token
from fhir_server.search.tree import Node, ReferenceMatch, ReferenceTerm
from fhir_server.search.values import NOWHERE, ReferenceValue

MODIFIERS = ("identifier",)
_URIS = frozenset({"uri", "url"})
_NO_OPTIONS = IndexOptions()


def writer(parameter: str, fhir_type: str, options: IndexOptions) -> Writer | None:
    """Return what indexes values of ``fhir_type``; None: the type is no link."""
    if fhir_type == "Reference":
        return _reference_writer(parameter, options.base_urls)
    if fhir_type == "canonical":
        return _canonical_writer(parameter)
    if fhir_type in _URIS:
        return lambda value, into: _add_link(parameter, value, options.base_urls, into)
    return _resource_writer(parameter) if fhir_type[:1].isupper() else None


def _add_link(parameter: str, text: Any, base_urls: tuple[str, ...], into: Gathered) -> None:
    if text.__class__ is str:
        into.found.append(ReferenceValue(parameter, *read_link(text, base_urls)))


def _reference_writer(parameter: str, base_urls: tuple[str, ...]) -> Writer:
    write_identifier = token.writer(parameter + ":identifier", "Identifier", _NO_OPTIONS)

    def write(value: Any, into: Gathered) -> None:
        link = value.get("reference")
        if link is None:
            into.found.append(ReferenceValue(parameter, "", "", NOWHERE))
        elif link[:1] == "#":
            into.found.append(ReferenceValue(parameter, "", "", NOWHERE))
            into.contained_links.append((parameter, link[1:]))
        else:
            into.found.append(ReferenceValue(parameter, *read_link(link, base_urls)))
        identifier = value.get("identifier")
        if identifier is not None and write_identifier is not None:
            write_identifier(identifier, into)

    return write


def _canonical_writer(parameter: str) -> Writer:
    """``url|version`` is found with and without its version; a fragment is left out."""

    def write(value: Any, into: Gathered) -> None:
        if value.__class__ is not str:
            return
        if value[:1] == "#":
            into.found.append(ReferenceValue(parameter, "", "", NOWHERE))
            return
        whole = value.partition("#")[0]
        url, bar, _ = whole.partition("|")
        into.found.append(ReferenceValue(parameter, "", "", whole))
        if bar:
            into.found.append(ReferenceValue(parameter, "", "", url))

    return write


def _resource_writer(parameter: str) -> Writer:
    """A resource that stands in place (``Bundle.entry.resource``) is a link to itself."""

    def write(value: Any, into: Gathered) -> None:
        kind, logical_id = value.get("resourceType"), value.get("id")
        if kind is not None and logical_id is not None:
            into.found.append(ReferenceValue(parameter, kind, logical_id, ""))

    return write


def match(question: Question) -> Node:
    """Read ids, ``Type/id``, URLs and canonicals; tokens with ``:identifier``."""
    if question.modifier == "identifier":
        return token.tokens(question, ":identifier")
    return ReferenceMatch(
        parameter=question.parameter,
        values=tuple(_term(question, unescape(value)) for value in question.alternatives),
    )


def _term(question: Question, value: str) -> ReferenceTerm:
    wanted = question.modifier or ""
    if is_logical_id(value):
        return ReferenceTerm(wanted, value, "")
    link = read_link(value, question.scope.base_urls)
    if link.url and (":" not in link.url or wanted):
        raise question.refuse("search-reference-invalid", found=value)
    if link.type and link.type not in question.scope.registry.types.resource_types:
        known = question.scope.registry.types.resource_types
        raise question.refuse(
            "search-type-unknown", found=link.type, nearest=nearest(link.type, known)
        )
    if wanted and link.type != wanted:
        raise question.refuse("search-reference-type", found=value, expected=wanted)
    return ReferenceTerm(*link)
