"""The selectors of XML Patch: the part of XPath that RFC 5261 allows, bounded in what they visit.

A little more is taken in predicates, because FHIR keeps its values in attributes: a path to one,
``name[use/@value='official']``.

Spec: https://www.rfc-editor.org/rfc/rfc5261#section-4.1
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from fhir_server.xml.vocabulary import FHIR

_NAME = r"(?:[A-Za-z_][\w.\-]*:)?(?:[A-Za-z_][\w.\-]*|\*)"
_PATH = rf"(?:\.|@{_NAME}|{_NAME}(?:/{_NAME})*(?:/@{_NAME})?)"
_STEP = re.compile(rf"/?({_NAME})((?:\[[^\[\]]*\])*)", re.ASCII)
_LAST = re.compile(rf"/(?:@({_NAME})|(text\(\)(?:\[1\])?))", re.ASCII)
_PREDICATE = re.compile(
    rf"""\[\s*(?:([0-9]{{1,9}})|({_PATH})\s*=\s*(?:"([^"]*)"|'([^']*)'))\s*\]""", re.ASCII
)
MAX_VISITS = 500_000
MAX_LENGTH = 1_000


class SelectorError(ValueError):
    """A selector that is none."""


class TooManyVisits(Exception):
    """The selectors of a patch look at more nodes than is allowed."""


class Selected(NamedTuple):
    """A node that was found.

    Attributes:
        parents: From the root to the element's parent.
        element: The element, or whose attribute or text it is.
        attribute: Name of the attribute; "" for its text; None for the element itself.
    """

    parents: tuple[Element, ...]
    element: Element
    attribute: str | None = None


class _Predicate(NamedTuple):
    position: int | None
    path: tuple[str, ...]
    value: str


class _Step(NamedTuple):
    name: str
    predicates: tuple[_Predicate, ...]


class Selector:
    """A selector that was read.

    Args:
        text: As it stands in ``sel``.
        namespaces: By prefix, "" the default one, as in force where it stands.

    Raises:
        SelectorError: It is none, or uses more of XPath than is allowed.
    """

    def __init__(self, text: str, namespaces: Mapping[str, str]) -> None:
        self._namespaces = namespaces
        self._steps, self._last = self._read(text.strip())

    def _read(self, text: str) -> tuple[tuple[_Step, ...], str | None]:
        if len(text) > MAX_LENGTH:
            raise SelectorError
        steps: list[_Step] = []
        place = 0
        while place < len(text):
            last = _LAST.fullmatch(text, place)
            if last is not None and steps:
                attribute = "" if last[1] is None else self._attribute(last[1])
                return tuple(steps), attribute
            step = _STEP.match(text, place)
            if step is None or (place > 0 and text[place] != "/"):
                raise SelectorError
            steps.append(_Step(self._element(step[1]), self._predicates(step[2])))
            place = step.end()
        if not steps:
            raise SelectorError
        return tuple(steps), None

    def _predicates(self, text: str) -> tuple[_Predicate, ...]:
        found: list[_Predicate] = []
        place = 0
        while place < len(text):
            match = _PREDICATE.match(text, place)
            if match is None:
                raise SelectorError
            place = match.end()
            if match[1] is not None:
                found.append(_Predicate(int(match[1]), (), ""))
                continue
            value = match[3] if match[3] is not None else match[4]
            path = tuple(
                f"@{self._attribute(part[1:])}"
                if part.startswith("@")
                else part
                if part == "."
                else self._element(part)
                for part in match[2].split("/")
            )
            found.append(_Predicate(None, path, value))
        return tuple(found)

    def _element(self, name: str) -> str:
        prefix, colon, local = name.rpartition(":")
        if not colon:
            return local if local == "*" else f"{{{self._namespaces.get('') or FHIR}}}{local}"
        return f"{{{self._namespace(prefix)}}}{local}"

    def _attribute(self, name: str) -> str:
        prefix, colon, local = name.rpartition(":")
        return f"{{{self._namespace(prefix)}}}{local}" if colon else local

    def _namespace(self, prefix: str) -> str:
        found = self._namespaces.get(prefix)
        if found is None:
            raise SelectorError
        return found

    def find(self, root: Element, budget: list[int]) -> list[Selected]:
        """Return the nodes it selects in a document.

        Args:
            root: Its root element.
            budget: One number: how many nodes may still be visited.

        Raises:
            TooManyVisits: More would be.
        """
        first, *further = self._steps
        found: Sequence[Selected] = self._kept(first, [Selected((), root)], budget)
        for step in further:
            found = [child for node in found for child in self._kept(step, _children(node), budget)]
        if self._last is None:
            return list(found)
        if self._last == "":
            return [node._replace(attribute="") for node in found if (node.element.text or "")]
        last = self._last
        return [node._replace(attribute=last) for node in found if last in node.element.attrib]

    def _kept(self, step: _Step, nodes: Sequence[Selected], budget: list[int]) -> list[Selected]:
        _spend(budget, len(nodes))
        kept = [node for node in nodes if _is_named(node.element, step.name)]
        for predicate in step.predicates:
            if predicate.position is not None:
                kept = (
                    kept[predicate.position - 1 : predicate.position] if predicate.position else []
                )
            else:
                kept = [node for node in kept if _holds(node.element, predicate, budget)]
        return kept


def _children(node: Selected) -> list[Selected]:
    parents = (*node.parents, node.element)
    return [Selected(parents, child) for child in node.element]


def _is_named(element: Element, name: str) -> bool:
    if name == "*":
        return True
    if name.endswith("}*"):
        return element.tag.startswith(name[:-1])
    return element.tag == name


def _holds(element: Element, predicate: _Predicate, budget: list[int]) -> bool:
    return any(value == predicate.value for value in _values(element, predicate.path, budget))


def _values(element: Element, path: tuple[str, ...], budget: list[int]) -> Iterator[str]:
    _spend(budget, 1 + len(element))
    head, *rest = path
    if head == ".":
        yield "".join(element.itertext())
    elif head.startswith("@"):
        if head[1:] in element.attrib:
            yield element.attrib[head[1:]]
    else:
        for child in element:
            if _is_named(child, head):
                if rest:
                    yield from _values(child, tuple(rest), budget)
                else:
                    yield "".join(child.itertext())


def _spend(budget: list[int], visits: int) -> None:
    budget[0] -= visits
    if budget[0] < 0:
        raise TooManyVisits
