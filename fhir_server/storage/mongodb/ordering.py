"""Sort keys of documents that no index orders: compared here, for few matches.

Spec: https://hl7.org/fhir/R4/search.html#sort
"""

from typing import Any

from fhir_server.model import InvalidRequest
from fhir_server.search import PagePosition, SortKey
from fhir_server.storage.mongodb import tokens
from fhir_server.storage.mongodb.document import RANGE, Document


def sort_documents(documents: list[Document], sort: tuple[SortKey, ...]) -> list[Document]:
    """Order documents by sort keys, those without a value last; ties newest first."""
    ordered = sorted(documents, key=lambda document: -int(document["c"]))
    for key in reversed(sort):
        valued = [(value, d) for d in ordered if (value := sort_value(d, key)) is not None]
        without = [d for d in ordered if sort_value(d, key) is None]
        valued.sort(key=lambda pair: pair[0], reverse=key.is_descending)
        ordered = [document for _, document in valued] + without
    return ordered


def after_position(
    ordered: list[Document], sort: tuple[SortKey, ...], after: PagePosition
) -> list[Document]:
    """Return what comes after a position, whether or not the resource there still is."""
    *values, creation = after.keys
    for index, document in enumerate(ordered):
        place = _compare([sort_value(document, key) for key in sort], values, sort)
        if place > 0 or (place == 0 and int(document["c"]) < int(creation or 0)):
            return ordered[index:]
    return []


def _compare(first: list[Any], second: list[Any], sort: tuple[SortKey, ...]) -> int:
    """-1, 0 or 1 as ``first`` comes before, with or after ``second``; no value comes last."""
    for one, other, key in zip(first, second, sort, strict=True):
        if one == other:
            continue
        if one is None or other is None:
            return 1 if one is None else -1
        try:
            return 1 if (one > other) is not key.is_descending else -1
        except TypeError as error:
            raise InvalidRequest.of("search-position") from error
    return 0


def sort_value(document: Document, key: SortKey) -> Any:
    """Return what a document is compared by; None: it has nothing."""
    chosen = max if key.is_descending else min
    if key.kind == "_id":
        return document["_id"].partition("/")[2]
    if key.parameter == "_lastUpdated":
        return int(document["lu"])
    start = f"{key.parameter}|"
    if key.kind == "date":
        names = {f"{key.parameter}{suffix}" for suffix in ("", "+", "~", "*")}
        found: list[Any] = [
            int(entry["lo"]) for entry in document.get("d", ()) if entry["p"] in names
        ]
    elif key.kind in {"number", "quantity"}:
        entries = document.get("q", ())
        names = {key.parameter, key.parameter + RANGE}
        found = [entry["lo"] for entry in entries if entry["k"] in names]
    elif key.kind == "string":
        found = [
            text.removeprefix(start) for text in document.get("s", ()) if text.startswith(start)
        ]
    else:
        texts = [
            text.removeprefix(start) for text in document.get("t", ()) if text.startswith(start)
        ]
        found = [_comparable(text, key) for text in texts]
    return chosen(found, default=None)


def _comparable(text: str, key: SortKey) -> str:
    """What tokens (code), references (type/id) and uris are compared by."""
    if key.kind == "token":
        return text.partition("|")[2]
    if key.kind == "reference" and ":" not in text:
        return tokens.target(text)
    return text
