"""What a narrative may contain: well-formed XHTML that only shows something and does nothing.

Expat reads the text; a document type, and with it every entity bomb, is refused before it is read.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple
from xml.parsers import expat

FaultKind = Literal[
    "element", "attribute", "link", "doctype", "instruction", "root", "entity", "xml", "empty"
]

_NAMESPACE = "http://www.w3.org/1999/xhtml"
_XML = "http://www.w3.org/XML/1998/namespace"
_ELEMENTS = frozenset((
    "a", "abbr", "acronym", "address", "area", "b", "bdo", "big", "blockquote", "br", "caption",
    "cite", "code", "col", "colgroup", "dd", "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3",
    "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "map", "ol", "p", "pre", "q", "samp",
    "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
    "tt", "ul", "var",
))  # fmt: skip
_ATTRIBUTES = frozenset((
    "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding",
    "cellspacing", "cellvalign", "char", "charoff", "charset", "cite", "class", "colspan",
    "compact", "coords", "dir", "frame", "headers", "height", "href", "hreflang", "hspace", "id",
    "ismap", "lang", "longdesc", "name", "nohref", "nowrap", "rel", "rev", "rowspan", "rules",
    "scope", "shape", "span", "src", "start", "style", "summary", "tabindex", "title", "type",
    "usemap", "valign", "value", "vspace", "width",
    f"{_XML} lang", f"{_XML} space", f"{_XML} id",
))  # fmt: skip
_ACTIVE = ("javascript:", "vbscript:", "data:text", "data:application")
_UNDEFINED_ENTITY = expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]


class NarrativeFault(NamedTuple):
    """Something a narrative may not have; ``text`` shows it as it was written, as far as it can."""

    kind: FaultKind
    text: str


@lru_cache(maxsize=256)
def is_safe_narrative(text: str) -> bool:
    """Say whether ``text`` is one XHTML ``div`` of allowed things with some content."""
    return not narrative_faults(text)


def narrative_faults(text: str) -> tuple[NarrativeFault, ...]:
    """Name what a narrative may not have, each kind of thing once, in the order of the text.

    Returns:
        Nothing for a good one. After a fault that stops the reader (``doctype``, ``entity``,
        ``xml``) nothing more is told.
    """
    reader = _Reader()
    try:
        reader.read(text)
    except _Stopped:
        return tuple(reader.faults)
    except expat.ExpatError as error:
        return (*reader.faults, _syntax(text, error))
    if not reader.has_content:
        reader.faults[NarrativeFault("empty", "")] = None
    return tuple(reader.faults)


def _syntax(text: str, error: expat.ExpatError) -> NarrativeFault:
    if error.code == _UNDEFINED_ENTITY:
        rest = text.split("\n")[error.lineno - 1][error.offset :]
        return NarrativeFault("entity", rest.partition(";")[0] + ";")
    reason = expat.ErrorString(error.code)
    return NarrativeFault("xml", f"{reason}, {error.lineno}:{error.offset + 1}")


class _Stopped(Exception):
    """Reading on would be of no use."""


class _Reader:
    """Collects faults while expat walks over the text; entities cannot be declared at all."""

    def __init__(self) -> None:
        self.faults: dict[NarrativeFault, None] = {}
        self.has_content = False
        self._depth = 0
        self._parser = expat.ParserCreate("utf-8", " ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.ProcessingInstructionHandler = self._instruction

    def read(self, text: str) -> None:
        self._parser.Parse(text.encode("utf-8", "replace"), True)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        space, _, tag = name.rpartition(" ")
        if self._depth == 0 and (tag != "div" or space != _NAMESPACE):
            self._fault("root", f"<{tag} xmlns='{space}'>")
        elif space != _NAMESPACE or tag not in _ELEMENTS:
            self._fault("element", f"<{tag}>")
        self._depth += 1
        if tag == "img":
            self.has_content = True
        for attribute, value in attributes.items():
            shown = attribute.rpartition(" ")[2]
            if attribute not in _ATTRIBUTES:
                self._fault("attribute", f"<{tag} {shown}>")
            elif "".join(value.split()).casefold().startswith(_ACTIVE):  # browsers drop line breaks
                self._fault("link", value)

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _text(self, data: str) -> None:
        if not self.has_content and not data.isspace():
            self.has_content = True

    def _doctype(self, *_: object) -> None:
        self._fault("doctype", "<!DOCTYPE>")
        raise _Stopped

    def _instruction(self, target: str, _data: str) -> None:
        self._fault("instruction", f"<?{target}?>")

    def _fault(self, kind: FaultKind, text: str) -> None:
        self.faults[NarrativeFault(kind, text)] = None
