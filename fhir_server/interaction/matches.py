"""All matches of a search, page after page, for whoever needs more than one page.

Spec: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import AsyncIterator
from dataclasses import replace

from fhir_server.interaction.services import Services
from fhir_server.model import TooCostly
from fhir_server.search import SearchQuery
from fhir_server.storage import StoredVersion

PAGE_COUNT = 500


async def all_matches(
    services: Services, query: SearchQuery, limit: int
) -> AsyncIterator[StoredVersion]:
    """Yield the matches in the order of the query.

    Args:
        services: The store.
        query: Its page count is not looked at.
        limit: Matches at most.

    Raises:
        TooCostly: There are more.
    """
    query = replace(query, page_count=min(PAGE_COUNT, limit + 1), total="none")
    given = 0
    while True:
        page = await services.store.search(query)
        for version in page.matches:
            given += 1
            if given > limit:
                raise TooCostly.of("operation-too-many", expected=limit)
            yield version
        if page.next is None:
            return
        query = replace(query, after=page.next)
