"""Narrative between XML, where it is markup, and JSON, where it is a string.

Spec: https://hl7.org/fhir/R4/narrative.html and https://hl7.org/fhir/R4/json.html#xhtml
"""

import re
from collections.abc import Iterable
from html import escape
from html.entities import name2codepoint
from xml.parsers import expat

from fhir_server.xml.scalar import attribute_text
from fhir_server.xml.vocabulary import XHTML

_ROOT = re.compile(r"<(?:[\w.-]+:)?div(?=[\s/>])")
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})


def embedded(text: str) -> str:
    """Return a narrative as markup that can stand in a FHIR document.

    Good XHTML stays as it is. What validation would have refused, but was stored without it, is
    made well-formed: HTML's entities become characters, a missing namespace is added, and what is
    no XML at all is shown as text.
    """
    markup = text.strip()
    if (found := _markup(markup)) is not None:
        return found
    markup = _ENTITY.sub(_character, markup)
    if (found := _markup(markup)) is not None:
        return found
    shown = escape(_NO_XML.sub("\ufffd", text), quote=False)
    return f'<div xmlns="{XHTML}">{shown}</div>'


def standing_alone(markup: str, declarations: Iterable[tuple[str | None, str]]) -> str:
    """Return the narrative of a document as text that needs nothing declared around it.

    Args:
        markup: The ``div`` as it stands in the document.
        declarations: Namespace prefix (None: the default) and URI of what is declared around it.
    """
    if _root_namespace(markup) == XHTML:
        return markup
    around = "".join(
        f' xmlns{":" + prefix if prefix else ""}="{attribute_text(uri)}"'
        for prefix, uri in dict(declarations).items()
    )
    return _Rewriter().rewritten(f"<x{around}>{markup}</x>")


def _markup(text: str) -> str | None:
    """Return ``text`` where it is a well-formed ``div``, its namespace added; None: it is not."""
    root = _ROOT.match(text)
    if root is None:
        return None
    namespace = _root_namespace(text)
    if namespace == "":
        return f'{root[0]} xmlns="{XHTML}"{text[root.end() :]}'
    return None if namespace is None else text


def _root_namespace(text: str) -> str | None:
    """Return the namespace of a document's root, "" where it has none; None: not well-formed."""
    roots: list[str] = []
    parser = expat.ParserCreate("utf-8", " ")

    def start(name: str, _attributes: dict[str, str]) -> None:
        roots.append(name.rpartition(" ")[0])
        parser.StartElementHandler = None

    parser.StartElementHandler = start
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError:
        return None
    return roots[0]


def _character(entity: re.Match[str]) -> str:
    code = name2codepoint.get(entity[1])
    return entity[0] if code is None or entity[1] in _XML_ENTITIES else chr(code)


class _Rewriter:
    """Writes XHTML anew with the default namespace instead of prefixes; the wrapper is left out."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._spaces: list[str] = []
        self._parser = expat.ParserCreate("utf-8", " ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def rewritten(self, document: str) -> str:
        self._parser.Parse(document.encode(), True)
        return "".join(self._out)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, tag = name.rpartition(" ")
        if self._spaces:
            declared = "" if space == self._spaces[-1] else f' xmlns="{attribute_text(space)}"'
            written = "".join(
                f' {key.replace(_XML_SPACE, "xml:")}="{attribute_text(value)}"'
                for key, value in attributes.items()
            )
            self._out.append(f"<{tag}{declared}{written}>")
        self._spaces.append(space if self._spaces else "")

    def _end(self, name: str) -> None:
        self._spaces.pop()
        if self._spaces:
            self._out.append(f"</{name.rpartition(' ')[2]}>")

    def _text(self, text: str) -> None:
        self._out.append(escape(text, quote=False))


_XML_SPACE = "http://www.w3.org/XML/1998/namespace "
