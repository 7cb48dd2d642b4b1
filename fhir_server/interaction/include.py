"""What comes along with matches: the walk of ``_include`` and ``_revinclude``, fed from the store.

Spec: https://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import Sequence
from typing import NamedTuple

from fhir_server.interaction.knowledge import Knowledge
from fhir_server.interaction.services import Services
from fhir_server.model import LogicalId, ResourceType, decode_stored
from fhir_server.search import Include, IncludeStep, IncludeWalk
from fhir_server.storage import StoredVersion

_Key = tuple[ResourceType, LogicalId]


class Included(NamedTuple):
    """What was found besides the matches, each once; whether there would have been more."""

    versions: tuple[StoredVersion, ...] = ()
    is_cut_off: bool = False


async def included(
    services: Services,
    knowledge: Knowledge,
    matches: Sequence[StoredVersion],
    includes: Sequence[Include],
) -> Included:
    """Fetch what the includes of one page lead to."""
    walk = IncludeWalk(
        includes,
        extractor=knowledge.extractor,
        registry=knowledge.registry,
        limits=services.search_limits,
    )
    seen: set[_Key] = {(match.resource_type, match.logical_id) for match in matches}
    found: list[StoredVersion] = []
    fresh: Sequence[StoredVersion] = matches
    while True:
        step = walk.step(decode_stored(version.body) for version in fresh if version.body)
        if step.is_done:
            break
        fetched = {(v.resource_type, v.logical_id): v for v in await _fetched(services, step)}
        fresh = [version for key, version in fetched.items() if key not in seen]
        seen.update(fetched)
        found += fresh
    limit = services.search_limits.max_included
    return Included(tuple(found[:limit]), walk.is_cut_off or len(found) > limit)


async def _fetched(services: Services, step: IncludeStep) -> list[StoredVersion]:
    fetched: list[StoredVersion] = []
    if step.keys:
        read = await services.store.read_many(step.keys)
        fetched += (version for version in read.values() if not version.is_deleted)
    for query in step.queries:
        page = await services.store.search(query)
        fetched += page.matches
    return fetched
