"""Which XHTML element may stand in which: a list item in a list, no paragraph in a paragraph.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml, which refers to HTML 4.0's content model
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from fhir_server.validation.content.narrative_tree import Tag
from fhir_server.validation.finding import Finding

_ROWS = frozenset(("table", "thead", "tbody", "tfoot"))
_LISTS = frozenset(("ul", "ol"))
_TABLE = frozenset(("table",))
_HOLDERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "li": _LISTS,
        "dt": frozenset(("dl",)),
        "dd": frozenset(("dl",)),
        "td": frozenset(("tr", "thead", "tfoot")),
        "th": frozenset(("tr", "thead", "tfoot")),
        "tr": _ROWS,
        **dict.fromkeys(("caption", "colgroup", "thead", "tbody", "tfoot"), _TABLE),
        "col": frozenset(("table", "colgroup")),
    }
)
"""Where an element may stand that cannot stand anywhere."""

_PARTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "ul": frozenset(("li",)),
        "ol": frozenset(("li",)),
        "dl": frozenset(("dt", "dd")),
        "table": frozenset(("caption", "col", "colgroup", "thead", "tbody", "tfoot", "tr")),
        **dict.fromkeys(("thead", "tbody", "tfoot"), frozenset(("tr",))),
        "tr": frozenset(("td", "th")),
        "map": frozenset(("area",)),
    }
)
"""What alone may stand in an element, which then has no text of its own."""

_EMPTY = frozenset(("area", "br", "hr", "img"))
_BLOCKS = frozenset(("div", "ol", "pre", "table", "ul"))
_IN_NO_PARAGRAPH = _BLOCKS | {"blockquote", "p"}
_ONCE = frozenset((
    "a", "abbr", "acronym", "b", "bdo", "big", "cite", "code", "dfn", "em", "i", "kbd", "q",
    "samp", "small", "strong", "sub", "sup", "tt", "var",
))  # fmt: skip
"""What cannot stand in itself."""

_RUNNING = _ONCE | {
    "address", "caption", "dd", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "span",
}  # fmt: skip
"""What holds running text and no blocks."""


def structure_findings(root: Tag) -> Iterator[Finding]:
    """Report each kind of misplaced element once."""
    told: set[tuple[str, str]] = set()
    for holder in root.walk():
        wrong = [child.name for child in holder.children if _is_misplaced(child.name, holder.name)]
        if holder.has_text and holder.name in _EMPTY | _PARTS.keys():
            wrong.append("#text")
        for name in wrong:
            if (name, holder.name) not in told:
                told.add((name, holder.name))
                yield Finding("xhtml-misplaced", found=name, holder=holder.name)


def _is_misplaced(name: str, holder: str) -> bool:
    if holder in _EMPTY or holder not in _HOLDERS.get(name, (holder,)):
        return True
    parts = _PARTS.get(holder)
    if parts is not None:
        return name not in parts
    if holder == "p":
        return name in _IN_NO_PARAGRAPH
    return holder in _RUNNING and (name in _BLOCKS or (name == holder and name in _ONCE))
