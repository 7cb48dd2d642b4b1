"""How many resources a criterion matches, counted up to a limit and remembered for a while.

A count decides which criterion drives a query; one that was broad a minute ago still is.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from fhir_server.storage.mongodb.document import Document

REMEMBERED_FROM = 100
"""A smaller count takes 0.4 ms at most, and may soon be wrong."""
REMEMBERED_S = 60.0
MAX_REMEMBERED = 10_000

Count = Callable[[Document, str, int], Awaitable[int]]


class Probes:
    """Counts that were made lately, of one store."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def is_known(self, where: Document, hint: str) -> bool:
        """Say whether a criterion was seen to be broad lately."""
        known = self._found.get(f"broad {hint} {where!r}")
        return known is not None and time.monotonic() - known[0] < REMEMBERED_S

    def note_broad(self, where: Document, hint: str) -> None:
        """Remember that a criterion matches many."""
        self._remember(f"broad {hint} {where!r}", REMEMBERED_FROM)

    async def count(self, count: Count, where: Document, hint: str, limit: int) -> int:
        """Return how many documents match, at most ``limit``."""
        key = f"{limit} {hint} {where!r}"
        known = self._found.get(key)
        now = time.monotonic()
        if known is not None and now - known[0] < REMEMBERED_S:
            return known[1]
        found = await count(where, hint, limit)
        if found >= REMEMBERED_FROM:
            self._remember(key, found)
        return found

    def _remember(self, key: str, found: int) -> None:
        self._found[key] = (time.monotonic(), found)
        if len(self._found) > MAX_REMEMBERED:
            self._found.popitem(last=False)
