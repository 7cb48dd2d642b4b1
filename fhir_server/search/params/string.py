"""Strings: names, addresses and other text, compared by how they start.

Spec: https://hl7.org/fhir/R4/search.html#string
"""

from collections.abc import Mapping
from typing import Any, Literal

from fhir_server.search.clause import Question, unescape
from fhir_server.search.filter import EQUAL, SUFFIX
from fhir_server.search.fold import fold
from fhir_server.search.gathered import Gathered, IndexOptions, Writer
from fhir_server.search.tree import Node, StringMatch

MODIFIERS = ("exact", "contains")
_MODES: Mapping[str | None, Literal["prefix", "contains", "equal", "suffix"]] = {
    None: "prefix",
    "contains": "contains",
    EQUAL: "equal",
    SUFFIX: "suffix",
}
_NAME_PARTS = ("text", "family", "given", "prefix", "suffix")
_ADDRESS_PARTS = ("text", "line", "city", "district", "state", "postalCode", "country")
_PLAIN = frozenset({"string", "markdown", "code", "id", "uri", "url"})


def writer(parameter: str, fhir_type: str, _: IndexOptions) -> Writer | None:
    """Return what indexes values of ``fhir_type``; None: the type holds no text to search."""
    if fhir_type == "HumanName":
        return _parts_writer(parameter, _NAME_PARTS)
    if fhir_type == "Address":
        return _parts_writer(parameter, _ADDRESS_PARTS)
    if fhir_type not in _PLAIN:
        return None

    def write(value: Any, into: Gathered) -> None:
        if value.__class__ is str:
            into.text(parameter, value)

    return write


def _parts_writer(parameter: str, parts: tuple[str, ...]) -> Writer:
    def write(value: Any, into: Gathered) -> None:
        for part in parts:
            text = value.get(part)
            if text.__class__ is str:
                into.text(parameter, text)
            elif text is not None:
                for item in text:
                    if item.__class__ is str:
                        into.text(parameter, item)

    return write


def match(question: Question) -> Node:
    """Read a string search: by prefix, ``:contains``, ``:exact`` or what filters ask."""
    texts = tuple(unescape(value) for value in question.alternatives)
    if question.modifier == "exact":
        return StringMatch(parameter=question.parameter, mode="exact", values=texts)
    folded = tuple(fold(text) for text in texts)
    for text, normal in zip(texts, folded, strict=True):
        if not normal:
            raise question.refuse("search-string-empty", found=text)
    mode = _MODES[question.modifier]
    return StringMatch(parameter=question.parameter, mode=mode, values=folded)
