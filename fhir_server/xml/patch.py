"""XML Patch: add, replace, remove, on the XML form of a resource.

Spec: https://www.rfc-editor.org/rfc/rfc5261 and https://hl7.org/fhir/R4/http.html#patch

Elements that are added come to stand where the definitions have them among their siblings: XML has
an order that the resource itself does not.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from fhir_server.model import InvalidRequest, TooCostly, ValidationFailed
from fhir_server.xml.selector import (
    MAX_VISITS,
    Selected,
    Selector,
    SelectorError,
    TooManyVisits,
)
from fhir_server.xml.vocabulary import FHIR, Vocabulary, XmlType

MAX_OPERATIONS = 500
_MAX_DEPTH = 64
_NAMES = frozenset({"add", "replace", "remove"})
_POSITIONS = frozenset({"before", "after", "prepend"})
_OPERATION_DEPTH = 2


class _Operation(NamedTuple):
    """One operation as it stands in the patch."""

    place: int
    element: Element
    namespaces: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.element.tag.rpartition("}")[2]

    def malformed(self) -> InvalidRequest:
        return InvalidRequest.of("xml-patch-malformed", index=self.place)

    def does_not_fit(self) -> ValidationFailed:
        return ValidationFailed.of(
            "xml-patch-does-not-fit", index=self.place, found=self.element.get("sel", "")[:200]
        )


def patched_document(document: bytes, patch: bytes, vocabulary: Vocabulary) -> bytes:
    """Return what a patch makes of a document.

    Args:
        document: FHIR XML that the server wrote.
        patch: As posted.
        vocabulary: For the order of elements.

    Raises:
        InvalidRequest: The patch is no XML, or an operation is malformed.
        TooCostly: It has too many operations, or its selectors look at too much.
        ValidationFailed: A selector finds nothing, or more than one node.
    """
    root = ElementTree.fromstring(document)  # noqa: S314 # written by the server itself
    operations = list(_operations(patch))
    if len(operations) > MAX_OPERATIONS:
        raise TooCostly.of("patch-too-long", found=len(operations), expected=MAX_OPERATIONS)
    budget = [MAX_VISITS]
    for operation in operations:
        try:
            _apply(operation, root, budget)
        except SelectorError as error:
            raise operation.malformed() from error
        except TooManyVisits as error:
            raise TooCostly.of("xml-patch-too-costly", index=operation.place) from error
    name = root.tag.rpartition("}")[2]
    if vocabulary.is_resource(name):
        _arrange(root, vocabulary[name], vocabulary)
    return "".join(_written(root, "")).encode()


def _operations(patch: bytes) -> Iterator[_Operation]:
    """Yield the operations with the namespaces in force where each of them stands."""
    if b"<!DOCTYPE" in patch:
        raise InvalidRequest.of("xml-doctype")
    parser: Any = ElementTree.XMLPullParser(("start-ns", "end-ns", "start", "end"))
    scope: list[tuple[str, str]] = []
    depth = index = 0
    try:
        parser.feed(patch.decode())
        parser.close()
        for event, value in parser.read_events():
            if event == "start-ns":
                scope.append(value)
            elif event == "end-ns":
                scope.pop()
            elif event == "start":
                depth += 1
                if depth > _MAX_DEPTH:
                    raise InvalidRequest.of("xml-too-deep", expected=_MAX_DEPTH)
                if depth == _OPERATION_DEPTH:
                    yield _Operation(index, value, dict(scope))
                    index += 1
            else:
                depth -= 1
    except UnicodeDecodeError as error:
        raise InvalidRequest.of("xml-not-utf8", found=f"offset {error.start}") from error
    except ElementTree.ParseError as error:
        raise InvalidRequest.of("xml-syntax", found=str(error.msg)) from error


def _apply(operation: _Operation, root: Element, budget: list[int]) -> None:
    selector = Selector(operation.element.get("sel", ""), operation.namespaces)
    if operation.name not in _NAMES:
        raise operation.malformed()
    found = selector.find(root, budget)
    if len(found) != 1:
        raise operation.does_not_fit()
    if operation.name == "add":
        _add(operation, found[0])
    elif operation.name == "replace":
        _replace(operation, found[0])
    else:
        _remove(operation, found[0])


def _content(operation: _Operation) -> list[Element]:
    """Return copies of the elements of an operation; without a namespace they are FHIR's."""
    made = [copy.deepcopy(child) for child in operation.element]
    for element in made:
        element.tail = None
        for inner in element.iter():
            if isinstance(inner.tag, str) and not inner.tag.startswith("{"):
                inner.tag = f"{{{FHIR}}}{inner.tag}"
    return made


def _add(operation: _Operation, found: Selected) -> None:
    kind, position = operation.element.get("type"), operation.element.get("pos")
    if found.attribute is not None or (position is not None and position not in _POSITIONS):
        raise operation.malformed()
    if kind is not None:
        if not kind.startswith("@") or ":" in kind or len(operation.element):
            raise operation.malformed()
        if kind[1:] in found.element.attrib:
            raise operation.does_not_fit()
        found.element.set(kind[1:], operation.element.text or "")
        return
    content = _content(operation)
    if not content:
        raise operation.malformed()
    if position in {"before", "after"}:
        if not found.parents:
            raise operation.does_not_fit()
        owner = found.parents[-1]
        place = list(owner).index(found.element) + (position == "after")
    else:
        owner = found.element
        place = 0 if position == "prepend" else len(owner)
    owner[place:place] = content


def _replace(operation: _Operation, found: Selected) -> None:
    text = operation.element.text or ""
    if found.attribute is not None:
        if len(operation.element):
            raise operation.malformed()
        if found.attribute == "":
            found.element.text = text
        else:
            found.element.set(found.attribute, text)
        return
    content = _content(operation)
    if len(content) != 1:
        raise operation.malformed()
    if not found.parents:
        raise operation.does_not_fit()
    owner = found.parents[-1]
    content[0].tail = found.element.tail
    owner[list(owner).index(found.element)] = content[0]


def _remove(operation: _Operation, found: Selected) -> None:
    """Take a node away, and what has become empty by it: FHIR knows no empty elements."""
    if found.attribute == "":
        found.element.text = None
    elif found.attribute is not None:
        del found.element.attrib[found.attribute]
    elif not found.parents:
        raise operation.does_not_fit()
    else:
        found.parents[-1].remove(found.element)
    path = [*found.parents, found.element] if found.attribute is not None else [*found.parents]
    while len(path) > 1 and _is_empty(path[-1]):
        owner = path[-2]
        owner.remove(path.pop())


def _is_empty(element: Element) -> bool:
    return not len(element) and not element.attrib and not (element.text or "").strip()


def _arrange(element: Element, xml_type: XmlType, vocabulary: Vocabulary) -> None:
    """Put children into the order of the definitions, without changing it among the same name."""
    keyed = []
    last = 0
    for child in element:
        space, _, local = child.tag[1:].rpartition("}")
        field = xml_type.by_name.get(f"{space} {local}")
        last = last if field is None else field.order
        keyed.append((last, child))
        if field is None or field.kind == "xhtml":
            continue
        if field.kind != "resource":
            _arrange(child, vocabulary[field.fhir_type], vocabulary)
            continue
        for inner in child:
            name = inner.tag.rpartition("}")[2]
            if vocabulary.is_resource(name):
                _arrange(inner, vocabulary[name], vocabulary)
    element[:] = [child for _, child in sorted(keyed, key=lambda pair: pair[0])]


def _written(element: Element, around: str) -> Iterator[str]:
    """Write an element; ``xmlns`` only where the namespace changes, so that prefixes are none."""
    space, _, local = element.tag[1:].rpartition("}")
    yield f"<{local}"
    if space != around:
        yield f" xmlns={quoteattr(space)}"
    for name, value in element.attrib.items():
        yield f" {_attribute(name)}={quoteattr(value)}"
    yield ">"
    if element.text:
        yield escape(element.text)
    for child in element:
        yield from _written(child, space)
        if child.tail:
            yield escape(child.tail)
    yield f"</{local}>"


_XML = "http://www.w3.org/XML/1998/namespace"


def _attribute(name: str) -> str:
    """Return an attribute's name; other namespaces than ``xml:`` have no place in FHIR."""
    space, brace, local = name[1:].rpartition("}") if name.startswith("{") else ("", "", name)
    return f"xml:{local}" if brace and space == _XML else local
