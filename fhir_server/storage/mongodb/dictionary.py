"""What values there are: systems of a parameter's tokens and units, distinct strings.

A bare code is searched as ``parameter|system|code`` for each known system, and ``:contains`` as the
distinct strings that contain the text: both turn a scan of documents into equal tokens. An entry is
made durable before the first resource that needs it and never removed; one too many does no harm.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from pymongo import InsertOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from fhir_server.search import IndexValues, QuantityValue, TokenValue
from fhir_server.storage.mongodb import tokens

MAX_CACHED = 200_000
DUPLICATE_KEY = 11000
Collection = AsyncCollection[dict[str, Any]]


class Dictionary:
    """The ``dict`` collection; what was seen is remembered and not written again."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def note(self, written: Iterable[tuple[str, IndexValues]]) -> None:
        """Make entries for everything new in (type, values) pairs; durable when it returns."""
        entries = {entry for name, values in written for entry in (f"r|{name}", *_entries(values))}
        new = entries - self._seen.keys()
        if not new:
            return
        try:
            await self._collection.bulk_write(
                [InsertOne({"_id": entry}) for entry in sorted(new)], ordered=False
            )
        except BulkWriteError as error:
            if any(e["code"] != DUPLICATE_KEY for e in error.details["writeErrors"]):
                raise
        self._seen.update(dict.fromkeys(new))
        while len(self._seen) > MAX_CACHED:
            self._seen.popitem(last=False)

    async def types(self) -> tuple[str, ...]:
        """Return the resource types that were ever stored."""
        found = await self._collection.find({"_id": tokens.starts_with("r|")}).to_list()
        return tuple(entry["_id"].removeprefix("r|") for entry in found)

    async def systems(self, parameter: str) -> tuple[str, ...]:
        """Return the systems that tokens of the parameter have, "" among them."""
        return tuple(entry[0] for entry in await self._below("t", parameter))

    async def units(self, parameter: str) -> tuple[tuple[str, str], ...]:
        """Return the (system, code) pairs that quantities of the parameter have."""
        return tuple((entry[0], entry[1]) for entry in await self._below("q", parameter))

    async def first_parts(self, composite: str) -> tuple[tuple[str, str], ...]:
        """Return the (system, code) pairs that folded composites begin with."""
        return tuple((entry[0], entry[1]) for entry in await self._below("f", composite))

    async def strings_with(self, parameter: str, pattern: str, limit: int) -> list[str] | None:
        """Return the folded strings in which a regular expression occurs; None: over ``limit``."""
        prefix = re.escape(f"s|{parameter}|")
        whole = tokens.pattern(f"^{prefix}.*{pattern}", re.DOTALL)
        found = await self._collection.find({"_id": whole}, limit=limit + 1).to_list()
        if len(found) > limit:
            return None
        return [entry["_id"].removeprefix(f"s|{parameter}|") for entry in found]

    async def _below(self, kind: str, parameter: str) -> list[list[str]]:
        prefix = f"{kind}|{parameter}|"
        query: Mapping[str, Any] = {"_id": tokens.starts_with(prefix)}
        entries = await self._collection.find(query).to_list()
        return [_parts(entry["_id"].removeprefix(prefix)) for entry in entries]


def _parts(text: str) -> list[str]:
    return [tokens.unescape(part) for part in text.split("|")]


def _entries(values: IndexValues) -> Iterable[str]:
    for token in values.tokens:
        yield f"t|{token.parameter}|{tokens.escape(token.system)}"
    for quantity in values.quantities:
        unit = f"{tokens.escape(quantity.system)}|{tokens.escape(quantity.code)}"
        yield f"q|{quantity.parameter}|{unit}"
    for string in values.strings:
        yield f"s|{string.parameter}|{string.normal}"
    for composite in values.composites:
        components = composite.components
        for value in components:
            if isinstance(value, TokenValue) and value.parameter.endswith("$0"):
                first = f"{tokens.escape(value.system)}|{tokens.escape(value.code)}"
                yield f"f|{composite.parameter}|{first}"
        own = IndexValues(
            tokens=[v for v in components if isinstance(v, TokenValue)],
            quantities=[v for v in components if isinstance(v, QuantityValue)],
        )
        yield from _entries(own)
