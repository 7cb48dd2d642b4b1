"""Fetching what an answer needs: all references of one depth in one read, searches by FHIR's own.

Spec: https://hl7.org/fhir/R4/graphql.html#searching
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from fhir_server.interaction import Knowledge, Services
from fhir_server.model import FhirError, Issue, JsonObject, TooCostly, decode_stored, issue
from fhir_server.operation.graphql.asking import Ask
from fhir_server.operation.graphql.fault import Faults, Place, Problem, fault, refused
from fhir_server.operation.graphql.known import Key, Known
from fhir_server.operation.graphql.limits import MAX_RESOURCES, MAX_SEARCHES
from fhir_server.search import PagePosition, PageState, ParsedSearch
from fhir_server.storage import SearchPage, StoredVersion


class Fetcher:
    """Fetches for one query, within its limits.

    Args:
        services: Store and sealed cursors.
        knowledge: In force when the query came.
        base_url: Of this server.

    Attributes:
        remarks: What those who read the answer should know.
    """

    def __init__(self, services: Services, knowledge: Knowledge, base_url: str) -> None:
        self._services = services
        self._knowledge = knowledge
        self._base_url = base_url
        self._searches = 0
        self._resources = 0
        self.remarks: dict[Issue, None] = {}

    async def fetch(self, known: Known) -> None:
        """Fetch all that is wanted.

        Raises:
            Faults: It is too much, or a search is refused.
        """
        await self._read(known)
        for ask in known.asked:
            self._searches += 1
            if self._searches > MAX_SEARCHES:
                raise _too_costly("searches", MAX_SEARCHES, ask.place)
            try:
                known.searches[ask] = await self._search(ask)
            except FhirError as refusal:
                raise refused(refusal, ask.place) from refusal
        known.asked.clear()

    async def _read(self, known: Known) -> None:
        self._count(len(known.wanted), None)
        current = [key for key in known.wanted if key.version_id is None]
        store = self._services.store
        found = await store.read_many([(key.resource_type, key.logical_id) for key in current])
        versions: dict[Key, StoredVersion | None] = {
            key: found.get((key.resource_type, key.logical_id)) for key in current
        }
        for key in known.wanted:
            if key.version_id is not None:
                versions[key] = await store.vread(key.resource_type, key.logical_id, key.version_id)
        bodies = {key: one.body for key, one in versions.items() if one is not None and one.body}
        known.deleted.update(key for key, one in versions.items() if one and one.is_deleted)
        decoded = await asyncio.to_thread(_decoded, [*bodies.values()])
        known.resources.update(dict.fromkeys(known.wanted))
        known.resources.update(zip(bodies, decoded, strict=True))
        known.wanted.clear()

    async def _search(self, ask: Ask) -> list[JsonObject] | JsonObject:
        parsed, after = self._parsed(ask)
        for code in await self._services.index.missed_by(parsed.queries):
            remark = issue("search-index-incomplete", found=code, expression=f"http.{code}")
            self.remarks[remark] = None
        is_whole = not ask.is_page and not any(name == "_count" for name, _ in ask.parameters)
        query = replace(parsed.query, after=after, total="accurate" if ask.counts else "none")
        if is_whole:
            query = replace(query, page_count=self._services.search_limits.max_count)
        page = await self._services.store.search(query)
        if is_whole and page.next is not None:
            raise fault(
                "graphql-list-too-long",
                ask.place,
                found=f"{ask.resource_type}List",
                expected=query.page_count,
                name=f"{ask.resource_type}Connection",
            )
        self._count(len(page.matches), ask.place)
        bodies = [version.body or b"{}" for version in page.matches]
        resources = await asyncio.to_thread(_decoded, bodies)
        return self._connection(ask, parsed, page, resources) if ask.is_page else resources

    def _parsed(self, ask: Ask) -> tuple[ParsedSearch, PagePosition | None]:
        parameters, after = ask.parameters, None
        if ask.cursor is not None:
            state = self._services.pages.open(ask.cursor, bound_to=_bound_to(ask))
            parameters = state.parameters
            after = state.after
        parsed = self._knowledge.parser.parse(
            (ask.resource_type,), parameters, base_url=self._base_url
        )
        return parsed, after

    def _connection(
        self, ask: Ask, parsed: ParsedSearch, page: SearchPage, resources: Sequence[JsonObject]
    ) -> JsonObject:
        """Make the connection; keyset pages lead forward and back to the start, nowhere else."""
        count = parsed.query.page_count
        made: JsonObject = {
            "pagesize": count,
            "pageSize": count,
            "first": self._cursor(ask, parsed, None),
            "edges": [{"mode": "match", "resource": resource} for resource in resources],
        }
        if page.total is not None:
            made["count"] = page.total
        if ask.cursor is None:
            made["offset"] = 0
        if page.next is not None:
            made["next"] = self._cursor(ask, parsed, page.next)
        return made

    def _cursor(self, ask: Ask, parsed: ParsedSearch, after: PagePosition | None) -> str:
        state = PageState(parameters=parsed.used, after=after)
        return self._services.pages.seal(state, bound_to=_bound_to(ask))

    def _count(self, resources: int, place: Place | None) -> None:
        self._resources += resources
        if self._resources > MAX_RESOURCES:
            raise _too_costly("resources", MAX_RESOURCES, place)


def _bound_to(ask: Ask) -> str:
    return f"$graphql {ask.resource_type}"


def _too_costly(what: str, limit: int, place: Place | None) -> Faults:
    found = issue("graphql-too-costly", what=what, expected=limit)
    return Faults((Problem(found, place),), TooCostly.status)


def _decoded(bodies: Collection[bytes]) -> list[JsonObject]:
    return [decode_stored(body) for body in bodies]
