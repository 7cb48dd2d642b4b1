"""Links between the resources of a transaction, rewritten to the ids that the server gives them.

Spec: https://hl7.org/fhir/R4/http.html#trules: references, elements of type uri, url, oid and uuid,
and links in narratives are replaced; canonicals are not.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os.path import commonprefix
from typing import Any

from fhir_server.definitions import TypeTable
from fhir_server.model import JsonObject, decode_stored, encode

_LINK_TYPES = frozenset({"uri", "url", "oid", "uuid"})
_NARRATIVE_LINK = re.compile(r"""((?:href|src)\s*=\s*)(["'])(.*?)\2""")
_REFERENCE = re.compile(rb'"reference":("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)
_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]+\?.+", re.DOTALL)


def conditional_references(value: Any) -> Iterator[str]:
    """Yield each ``Reference.reference`` of the form ``Patient?identifier=…``."""
    if isinstance(value, dict):
        for key, child in value.items():
            if key == "reference" and isinstance(child, str):
                if _CONDITIONAL.fullmatch(child):
                    yield child
            elif isinstance(child, dict | list):
                yield from conditional_references(child)
    elif isinstance(value, list):
        for child in value:
            yield from conditional_references(child)


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What one look at a resource has found.

    Attributes:
        references: Every ``Reference.reference``.
        has_full_url: Whether anything may be the full URL of an entry, or link to one.
    """

    references: frozenset[str]
    has_full_url: bool

    @property
    def is_conditional(self) -> bool:
        """Whether one of the references may be a search."""
        return any("?" in reference for reference in self.references)


NO_LINKS = Links(references=frozenset(), has_full_url=False)


class LinkFinder:
    """Looks for links in the text of resources, which takes a third of the time of walking them.

    Args:
        full_urls: Of the entries.
    """

    def __init__(self, full_urls: Iterable[str]) -> None:
        by_scheme: dict[str, list[str]] = {}
        for url in full_urls:
            by_scheme.setdefault(url.partition(":")[0], []).append(url)
        self._beginnings = tuple(
            encode(commonprefix(urls))[1:-1]  # noqa: RUF071 # of texts, not of paths
            for urls in by_scheme.values()
        )

    def links_of(self, resource: JsonObject) -> Links:
        """Say what links a resource may have; most need no rewriting, which takes far longer."""
        text = encode(resource)
        return Links(
            references=frozenset(map(_text_of, _REFERENCE.findall(text))),
            has_full_url=any(beginning in text for beginning in self._beginnings),
        )


def _text_of(quoted: bytes) -> str:
    if b"\\" not in quoted:
        return quoted[1:-1].decode()
    return decode_stored(b'{"reference":%b}' % quoted)["reference"]  # type: ignore[no-any-return] # a string, as it is quoted


class LinkRewriter:
    """Replaces links in resources.

    Args:
        targets: New links by old ones: full URLs and conditional references.
        types: Tells elements that hold links from others that hold the same text.
    """

    def __init__(self, targets: Mapping[str, str], types: TypeTable) -> None:
        self._targets = targets
        self._types = types

    def rewrite(self, resource: JsonObject, full_url: str | None, links: Links) -> JsonObject:
        """Return the resource with its links replaced; the resource itself stays as it is.

        Args:
            resource: As posted.
            full_url: Of its entry: a relative reference means what lies beside it.
            links: Of the resource.
        """
        root = _service_root(resource, full_url)
        if not links.has_full_url and all(
            self._target(reference, root) == reference for reference in links.references
        ):
            return resource
        return self._object(resource, resource["resourceType"], root)

    def _object(self, value: JsonObject, fhir_type: str, root: str) -> JsonObject:
        own_type = value.get("resourceType")
        if isinstance(own_type, str) and self._types.property(fhir_type, "resourceType") is None:
            fhir_type = own_type
        changed: JsonObject | None = None
        for key, child in value.items():
            new = self._child(key, child, fhir_type, root)
            if new is not child:
                changed = changed if changed is not None else dict(value)
                changed[key] = new
        return value if changed is None else changed

    def _child(self, key: str, child: Any, fhir_type: str, root: str) -> Any:
        if isinstance(child, str):
            return self._text(key, child, fhir_type, root)
        if isinstance(child, dict):
            return self._object(child, self._type_of(fhir_type, key), root)
        if not isinstance(child, list):
            return child
        items = [
            self._text(key, item, fhir_type, root)
            if isinstance(item, str)
            else self._object(item, self._type_of(fhir_type, key), root)
            if isinstance(item, dict)
            else item
            for item in child
        ]
        same = all(new is old for new, old in zip(items, child, strict=True))
        return child if same else items

    def _type_of(self, fhir_type: str, key: str) -> str:
        known = self._types.property(fhir_type, key)
        return "" if known is None else known.fhir_type

    def _text(self, key: str, text: str, fhir_type: str, root: str) -> str:
        if key == "reference":
            return self._target(text, root)
        if key == "div":
            return _NARRATIVE_LINK.sub(self._narrative_link, text) if "=" in text else text
        if text in self._targets and self._type_of(fhir_type, key) in _LINK_TYPES:
            return self._targets[text]
        return text

    def _target(self, reference: str, root: str) -> str:
        return self._targets.get(reference) or self._targets.get(root + reference, reference)

    def _narrative_link(self, match: re.Match[str]) -> str:
        before, quote, link = match.groups()
        return f"{before}{quote}{self._targets.get(link, link)}{quote}"


def _service_root(resource: JsonObject, full_url: str | None) -> str:
    """Return the part of a RESTful full URL before ``Type/id``; "" where it is not one.

    Spec: https://hl7.org/fhir/R4/bundle.html#references
    """
    if full_url is None or not full_url.startswith("http"):
        return ""
    root, _, rest = full_url.rpartition(f"/{resource['resourceType']}/")
    return f"{root}/" if root and "/" not in rest else ""
