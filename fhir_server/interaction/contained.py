"""Pages of a search that finds contained resources.

The store gives resources that may contain a match, by its index; what they contain is judged here.
So a page may take several rounds, each as large as what is still wanted promises to need. Pages
stay keyset pages: a place is one among the candidates, plus the last match that was given of the
resource there, so that one that contains many matches can be parted.

Spec: https://hl7.org/fhir/R4/search.html#contained
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from fhir_server.interaction.knowledge import Knowledge
from fhir_server.interaction.services import Services
from fhir_server.model import JsonObject, TooCostly, decode_stored
from fhir_server.search import (
    CONTAINED,
    ContainedSearch,
    IndexExtractor,
    PagePosition,
    PageState,
    ParsedSearch,
)
from fhir_server.storage import SearchPage, StoredVersion

MAX_ROUNDS = 20
"""Looks at the store for one page; a page may stay shorter than asked for."""
MAX_STEP = 500
"""Candidates that one round looks at."""
MAX_COUNTED = 5_000
"""Candidates that are judged for a total."""


class ContainedMatch(NamedTuple):
    """One match: the resource that contains it, and the contained one; None: the whole stands."""

    container: StoredVersion
    inner: JsonObject | None

    @property
    def path(self) -> str:
        """Where it is, below the base URL."""
        container = f"{self.container.resource_type}/{self.container.logical_id}"
        return container if self.inner is None else f"{container}#{self.inner['id']}"


class ContainedPage(NamedTuple):
    """One page: resources of their own come first, then those that are contained or contain.

    ``next`` is None where this page is the last.
    """

    own: tuple[StoredVersion, ...]
    contained: tuple[ContainedMatch, ...]
    next: PageState | None
    total: int | None


async def contained_page(
    services: Services, knowledge: Knowledge, parsed: ParsedSearch, start: PageState
) -> ContainedPage:
    """Return the page that begins at ``start``.

    Args:
        services: The store.
        knowledge: In force.
        parsed: A search for contained resources.
        start: Where the page before ended.

    Raises:
        TooCostly: The total would take too long to count.
    """
    search = parsed.contained
    if search is None:
        raise ValueError("not a search for contained resources")
    own = SearchPage(matches=())
    if not search.is_alone and not start.is_contained:
        own = await services.store.search(replace(parsed.query, after=start.after))
    elif not search.is_alone and parsed.query.total != "none":
        own = await services.store.search(replace(parsed.query, page_count=0))
    looking = _Looking(services, knowledge.extractor, search)
    total = await looking.total()
    if total is not None:
        total += own.total or 0
    place = _Place(start.after if start.is_contained else None, start.given)
    found: list[ContainedMatch] = []
    following: PageState | None = None
    if own.next is not None:
        following = PageState(parameters=parsed.used, after=own.next)
    elif parsed.query.page_count:
        more = await looking.fill(found, parsed.query.page_count - len(own.matches), place)
        if more is not None:
            following = PageState(
                parameters=parsed.used, after=more.after, is_contained=True, given=more.given
            )
    return ContainedPage(own.matches, tuple(found), following, total)


@dataclass(frozen=True, slots=True)
class _Place:
    """After which candidate to go on, and what the one there has given already."""

    after: PagePosition | None = None
    given: str = ""


class _Looking:
    """One page while it is made."""

    def __init__(
        self, services: Services, extractor: IndexExtractor, search: ContainedSearch
    ) -> None:
        self._store = services.store
        self._extractor = extractor
        self._search = search

    async def fill(self, found: list[ContainedMatch], wanted: int, place: _Place) -> _Place | None:
        """Add matches, at most ``wanted``; return where the next page starts, None: nowhere."""
        step = wanted
        for _ in range(MAX_ROUNDS):
            if not wanted:
                return place
            page, lists = await self._round(place, min(step, MAX_STEP))
            if sum(map(len, lists)) > wanted:
                step = _fitting(lists, wanted)
                if len(lists) > 1:
                    continue  # up to the one that is too much, to know the place before it
                found += lists[0][:wanted]
                return replace(place, given=lists[0][wanted - 1].path)
            given = [match for matches in lists for match in matches]
            found += given
            wanted -= len(given)
            if page.next is None:
                return None
            place = _Place(page.next)
            step = wanted if given else 2 * step
        return place

    async def total(self) -> int | None:
        """Count all matches, where that is wanted; the store's estimate counts candidates.

        Raises:
            TooCostly: There are too many candidates.
        """
        query = self._search.query
        if query.total == "none":
            return None
        if query.total == "estimate":
            return (await self._store.search(replace(query, page_count=0))).total
        counted = total = 0
        place: _Place | None = _Place()
        while place is not None:
            page, lists = await self._round(place, MAX_STEP)
            counted += len(lists)
            total += sum(map(len, lists))
            if counted > MAX_COUNTED:
                raise TooCostly.of(
                    "search-contained-total", expected=MAX_COUNTED, expression=f"http.{CONTAINED}"
                )
            place = None if page.next is None else _Place(page.next)
        return total

    async def _round(
        self, place: _Place, count: int
    ) -> tuple[SearchPage, list[list[ContainedMatch]]]:
        """Return candidates, and for each what it contributes."""
        query = replace(self._search.query, after=place.after, page_count=count, total="none")
        page = await self._store.search(query)
        lists = await asyncio.to_thread(self._judged, page.matches)
        if lists and place.given:
            lists[0] = _after(lists[0], place.given)
        return page, lists

    def _judged(self, versions: Sequence[StoredVersion]) -> list[list[ContainedMatch]]:
        judged = []
        for version in versions:
            matches = self._search.judge(decode_stored(version.body or b"{}"), self._extractor)
            is_whole = self._search.is_container_wanted
            judged.append([ContainedMatch(version, None if is_whole else m) for m in matches])
        return judged


def _fitting(lists: Sequence[Sequence[ContainedMatch]], wanted: int) -> int:
    """Return how many candidates from the first one fit; at least 1."""
    for at, matches in enumerate(lists):
        wanted -= len(matches)
        if wanted < 0:
            return max(at, 1)
    return len(lists)


def _after(matches: list[ContainedMatch], given: str) -> list[ContainedMatch]:
    """Leave out what was given before, where this is the resource that gave it."""
    if not matches or matches[0].path.partition("#")[0] != given.partition("#")[0]:
        return matches
    paths = [match.path for match in matches]
    return matches[paths.index(given) + 1 :] if given in paths else matches
