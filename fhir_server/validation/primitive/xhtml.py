"""Scanner of narratives: well-formed XHTML that only shows something and does nothing.

Answers the invariants txt-1 and txt-2. Expat reads the text; a document type, and with it every
entity bomb, is refused before it is read.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from typing import Any
from xml.parsers import expat

from fhir_server.validation.finding import Finding
from fhir_server.validation.primitive.temporal import wrong_json

_SPACE = "http://www.w3.org/1999/xhtml"
_XML = "http://www.w3.org/XML/1998/namespace"
_ELEMENTS = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "big",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "ul",
        "var",
    ]
)
_ATTRIBUTES = frozenset(
    [
        "abbr",
        "accesskey",
        "align",
        "alt",
        "axis",
        "bgcolor",
        "border",
        "cellhalign",
        "cellpadding",
        "cellspacing",
        "cellvalign",
        "char",
        "charoff",
        "charset",
        "cite",
        "class",
        "colspan",
        "compact",
        "coords",
        "dir",
        "frame",
        "headers",
        "height",
        "href",
        "hreflang",
        "hspace",
        "id",
        "lang",
        "longdesc",
        "name",
        "nowrap",
        "rel",
        "rev",
        "rowspan",
        "rules",
        "scope",
        "shape",
        "span",
        "src",
        "start",
        "style",
        "summary",
        "tabindex",
        "title",
        "type",
        "valign",
        "value",
        "vspace",
        "width",
    ]
) | {f"{_XML} lang", f"{_XML} space", f"{_XML} id"}
_LINKS = ("href", "src", "cite", "longdesc")
_ACTIVE_SCHEMES = ("javascript:", "vbscript:", "data:text/html", "data:application/")


class _Refused(Exception):
    """Carries the finding out of the parser."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.rule)


class _Reader:
    """Looks at each tag as expat meets it."""

    def __init__(self) -> None:
        self.has_content = False
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, tag = name.rpartition(" ")
        if self._depth == 0 and (tag != "div" or space != _SPACE):
            raise _Refused(Finding("xhtml-root", found=f"<{tag} xmlns='{space}'>", expected=_SPACE))
        self._depth += 1
        if space != _SPACE or tag not in _ELEMENTS:
            raise _Refused(Finding("xhtml-not-allowed", source="txt-1", found=f"<{tag}>"))
        for attribute, value in attributes.items():
            if attribute not in _ATTRIBUTES:
                shown = attribute.rpartition(" ")[2]
                raise _Refused(
                    Finding("xhtml-not-allowed", source="txt-1", found=f"<{tag} {shown}>")
                )
            if attribute in _LINKS:
                _check_link(value)
        if tag == "img" and attributes.get("src"):
            self.has_content = True

    def end(self, _name: str) -> None:
        self._depth -= 1

    def text(self, text: str) -> None:
        if not self.has_content and not text.isspace():
            self.has_content = True

    def doctype(self, *_: Any) -> None:
        raise _Refused(Finding("xhtml-not-allowed", source="txt-1", found="<!DOCTYPE>"))

    def entity(self, name: str, _is_parameter: bool) -> None:
        raise _Refused(Finding("xhtml-entity", found=f"&{name};"))

    def instruction(self, target: str, _data: str) -> None:
        raise _Refused(Finding("xhtml-not-allowed", source="txt-1", found=f"<?{target}?>"))


def scan_xhtml(value: Any) -> Finding | None:
    """A ``<div>`` of basic formatting with some content; no scripts, forms, frames or entities."""
    if value.__class__ is not str:
        return wrong_json(value, "xhtml", "string")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.SkippedEntityHandler = reader.entity
    parser.ProcessingInstructionHandler = reader.instruction
    try:
        parser.Parse(value.strip(), True)
    except _Refused as refused:
        return refused.finding
    except expat.ExpatError as error:
        return _malformed(value.strip(), error)
    if not reader.has_content:
        return Finding("xhtml-empty", source="txt-2")
    return None


def _malformed(text: str, error: expat.ExpatError) -> Finding:
    line, column = error.lineno, error.offset
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]:
        rest = text.splitlines()[line - 1].encode()[column:].decode(errors="replace")
        return Finding("xhtml-entity", found=rest.partition(";")[0] + ";")
    found = f"{expat.ErrorString(error.code)}, {line}:{column + 1}"
    return Finding("xhtml-malformed", found=found)


def _check_link(value: str) -> None:
    scheme = "".join(value.split()).lower()
    if scheme.startswith(_ACTIVE_SCHEMES):
        raise _Refused(Finding("xhtml-active-content", found=value))
