"""A narrative as a tree of tags, read once for the rules about its links and its structure.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"
_DEEPEST = 200


@dataclass(slots=True)
class Tag:
    """An XHTML element.

    Attributes:
        name: Its name without namespace.
        attributes: By name; those of XML's namespace by ``namespace name``.
        children: The elements in it.
        has_text: Whether there is text right in it.
    """

    name: str
    attributes: dict[str, str]
    children: list["Tag"] = field(default_factory=list)
    has_text: bool = False

    @property
    def language(self) -> str | None:
        """The language that the element states."""
        return self.attributes.get(_LANGUAGE) or self.attributes.get("lang")

    def walk(self) -> Iterator["Tag"]:
        """Yield the element and all within it."""
        waiting = [self]
        while waiting:
            tag = waiting.pop()
            yield tag
            waiting += reversed(tag.children)


def read_narrative(text: str) -> Tag | None:
    """Return the outermost element; None: the text is no XML, which is told elsewhere."""
    reader = _Reader()
    try:
        reader.read(text)
    except (expat.ExpatError, _TooDeep):
        return None
    return reader.root


class _TooDeep(Exception):
    """No narrative of a person nests so deep."""


class _Reader:
    def __init__(self) -> None:
        self.root: Tag | None = None
        self._open: list[Tag] = []

    def read(self, text: str) -> None:
        parser = expat.ParserCreate("utf-8", " ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(text.strip().encode("utf-8", "replace"), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = Tag(name.rpartition(" ")[2], attributes)
        if len(self._open) > _DEEPEST:
            raise _TooDeep
        if self._open:
            self._open[-1].children.append(tag)
        else:
            self.root = tag
        self._open.append(tag)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, data: str) -> None:
        if not data.isspace():
            self._open[-1].has_text = True
