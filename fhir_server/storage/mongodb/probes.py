"""How many resources a criterion matches, counted up to a limit and remembered for a while.

A count decides which criterion drives a query and nothing else: an old one costs time at most.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from bson import encode

from fhir_server.storage.mongodb.document import Document

REMEMBERED_S = 60.0
MAX_REMEMBERED = 10_000

Count = Callable[[Document, str, int], Awaitable[int]]


class Probes:
    """Counts that were made lately, of one store."""

    def __init__(self) -> None:
        self._found: OrderedDict[bytes, tuple[float, int, int]] = OrderedDict()

    def is_known(self, where: Document, hint: str) -> bool:
        """Say whether something was found out about a criterion lately."""
        known = self._found.get(_key(where, hint))
        return known is not None and time.monotonic() - known[0] < REMEMBERED_S

    def note(self, where: Document, hint: str, *, found: int, limit: int) -> None:
        """Remember that so many documents match, counted up to a limit."""
        self._remember(_key(where, hint), found, limit)

    async def count(self, count: Count, where: Document, hint: str, limit: int) -> int:
        """Return how many documents match, at most ``limit``."""
        key = _key(where, hint)
        known = self._found.get(key)
        if known is not None and time.monotonic() - known[0] < REMEMBERED_S:
            _, found, counted_to = known
            if found < counted_to or limit <= counted_to:
                return min(found, limit)
        found = await count(where, hint, limit)
        self._remember(key, found, limit)
        return found

    def _remember(self, key: bytes, found: int, limit: int) -> None:
        self._found[key] = (time.monotonic(), found, limit)
        self._found.move_to_end(key)
        if len(self._found) > MAX_REMEMBERED:
            self._found.popitem(last=False)


def _key(where: Document, hint: str) -> bytes:
    return encode({hint: where})
