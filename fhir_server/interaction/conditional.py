"""Criteria that single out one resource: conditional create, update, patch, delete and references.

Spec: https://hl7.org/fhir/R4/http.html#ccreate
"""

from dataclasses import replace
from urllib.parse import parse_qsl

from fhir_server.interaction.knowledge import Knowledge
from fhir_server.interaction.message import Parameters
from fhir_server.interaction.services import Services
from fhir_server.model import InvalidRequest, MultipleMatches, ResourceType
from fhir_server.search import And, SearchQuery
from fhir_server.storage import StoredVersion


def criteria_parameters(text: str) -> Parameters:
    """Read criteria as they stand in ``If-None-Exist``, with or without ``?`` or ``Type?``."""
    return tuple(parse_qsl(text.rpartition("?")[2], keep_blank_values=True))


def criteria_query(
    knowledge: Knowledge,
    resource_type: ResourceType,
    parameters: Parameters,
    base_url: str,
    place: str | None = None,
) -> SearchQuery:
    """Return the query of criteria; strictly, because a parameter ignored would match too much.

    Raises:
        InvalidRequest: A parameter is unknown or malformed, or there is none at all.
    """
    parsed = knowledge.parser.parse((resource_type,), parameters, lenient=False, base_url=base_url)
    if isinstance(parsed.query.where, And) and not parsed.query.where.parts:
        raise InvalidRequest.of("criteria-missing", expression=place)
    return SearchQuery(resource_types=parsed.query.resource_types, where=parsed.query.where)


async def single_match(
    services: Services, query: SearchQuery, place: str | None = None
) -> StoredVersion | None:
    """Return the only resource that matches; None: none does.

    Raises:
        MultipleMatches: Several do.
    """
    page = await services.store.search(replace(query, page_count=2))
    if len(page.matches) > 1:
        raise MultipleMatches.of("criteria-multiple", expression=place)
    return page.matches[0] if page.matches else None
