"""What a narrative may contain.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from functools import lru_cache
from xml.parsers import expat

_ELEMENTS = frozenset((
    "div", "p", "span", "a", "img", "br", "hr", "b", "i", "u", "em", "strong", "small", "big",
    "tt", "sub", "sup", "pre", "code", "samp", "kbd", "var", "cite", "dfn", "abbr", "acronym",
    "address", "blockquote", "q", "ins", "del", "bdo", "h1", "h2", "h3", "h4", "h5", "h6", "ul",
    "ol", "li", "dl", "dt", "dd", "table", "caption", "colgroup", "col", "thead", "tfoot",
    "tbody", "tr", "th", "td", "map", "area", "center", "font", "s", "strike", "dir", "menu",
))  # fmt: skip
_ATTRIBUTES = frozenset((
    "title", "style", "class", "id", "lang", "xml:lang", "dir", "accesskey", "tabindex", "span",
    "width", "align", "valign", "char", "charoff", "abbr", "axis", "headers", "scope", "rowspan",
    "colspan", "cellpadding", "cellspacing", "border", "summary", "frame", "rules", "name",
    "href", "rel", "rev", "hreflang", "type", "charset", "src", "alt", "longdesc", "height",
    "usemap", "ismap", "hspace", "vspace", "shape", "coords", "nohref", "cite", "datetime",
    "compact", "start", "value", "size", "noshade", "clear", "bgcolor", "color", "face", "nowrap",
    "target", "xmlns",
))  # fmt: skip
_NAMESPACE = "http://www.w3.org/1999/xhtml"
_ACTIVE = ("javascript:", "vbscript:", "data:text")


@lru_cache(maxsize=256)
def is_safe_narrative(text: str) -> bool:
    """Say whether ``text`` is one XHTML ``div`` of allowed elements with some content."""
    return not narrative_faults(text)


def narrative_faults(text: str) -> tuple[str, ...]:
    """Name what a narrative may not have: elements as ``<script>``, attributes as ``@onclick``.

    Returns:
        Nothing for a good one; ``xml`` where it is not well-formed, ``doctype`` for a document type
        declaration, ``root`` where it is no ``div``, ``namespace``, ``empty`` where it has neither
        text nor image.
    """
    reader = _Reader()
    try:
        reader.read(text)
    except expat.ExpatError:
        return (*reader.faults, "xml")
    if not reader.has_content:
        reader.faults["empty"] = None
    return tuple(reader.faults)


class _Reader:
    """Collects faults while expat walks over the text; without DOCTYPE no entity can explode."""

    def __init__(self) -> None:
        self.faults: dict[str, None] = {}
        self.has_content = False
        self._depth = 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.ProcessingInstructionHandler = self._instruction

    def read(self, text: str) -> None:
        self._parser.Parse(text.encode("utf-8", "replace"), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == 0:
            if name != "div":
                self.faults["root"] = None
            if attributes.get("xmlns") != _NAMESPACE:
                self.faults["namespace"] = None
        self._depth += 1
        if name not in _ELEMENTS:
            self.faults[f"<{name}>"] = None
        if name == "img":
            self.has_content = True
        for attribute, value in attributes.items():
            if attribute not in _ATTRIBUTES or value.strip().casefold().startswith(_ACTIVE):
                self.faults[f"@{attribute}"] = None

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _text(self, data: str) -> None:
        if not data.isspace():
            self.has_content = True

    def _doctype(self, *_: object) -> None:
        self.faults["doctype"] = None
        raise expat.ExpatError("doctype")

    def _instruction(self, *_: object) -> None:
        self.faults["<?>"] = None
