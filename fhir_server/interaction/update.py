"""Update, update as create, and conditional update.

Spec: https://hl7.org/fhir/R4/http.html#update and https://hl7.org/fhir/R4/http.html#cond-update
"""

from dataclasses import replace

from fhir_server.interaction.accept import check_id, check_shape, posted, tells_remarks, validated
from fhir_server.interaction.answer import of_result
from fhir_server.interaction.conditional import criteria_query, single_match
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.services import Services
from fhir_server.interaction.target import Target
from fhir_server.interaction.write import Change, change_until_done, commit_changes
from fhir_server.model import (
    InvalidRequest,
    JsonObject,
    LogicalId,
    ResourceType,
    is_logical_id,
)
from fhir_server.search import SearchQuery


async def update(services: Services, target: Target, request: Request) -> Response:
    """Store a new version of a resource, or its first one under the client's id.

    A body that would change nothing makes no version: the answer is 200 with the one that is there.

    Raises:
        InvalidRequest: No body, another type, or an id that is not the URL's.
        ValidationFailed: The content has errors.
        VersionMismatch: ``If-Match`` does not name the current version.
    """
    knowledge = services.knowledge.current
    resource = posted(request)
    check_shape(resource, target.resource_type)
    check_id(resource, target.logical_id)
    warnings = await validated(
        services,
        knowledge,
        resource,
        request,
        logical_id=target.logical_id,
        tells_remarks=tells_remarks(request),
    )
    change = Change(
        method="PUT",
        resource_type=target.resource_type,
        logical_id=target.logical_id,
        resource=resource,
        if_match=request.preconditions.if_match,
        must_be_absent="*" in request.preconditions.if_none_match,
        warnings=warnings,
    )
    (result,) = await commit_changes(services, knowledge, (change,))
    return of_result(result, request)


async def conditional_update(services: Services, target: Target, request: Request) -> Response:
    """Update the resource that matches the criteria in the URL, or create one where none does.

    Raises:
        InvalidRequest: As for an update, or the body's id is not that of the match.
        MultipleMatches: Several resources match.
        ValidationFailed: The content has errors.
    """
    knowledge = services.knowledge.current
    resource = posted(request)
    check_shape(resource, target.resource_type)
    query = criteria_query(knowledge, target.resource_type, request.parameters, request.base_url)
    warnings = await validated(
        services,
        knowledge,
        resource,
        request,
        tells_remarks=tells_remarks(request),
    )

    async def change() -> Change:
        made = await conditional_change(
            services, target.resource_type, resource, query, request, new_id=services.new_id()
        )
        return replace(made, warnings=warnings)

    return of_result(await change_until_done(services, change), request)


async def conditional_change(
    services: Services,
    resource_type: ResourceType,
    resource: JsonObject,
    query: SearchQuery,
    request: Request,
    *,
    new_id: LogicalId,
    place: str | None = None,
) -> Change:
    """Decide what a conditional update does by what matches now.

    Raises:
        InvalidRequest: The body has an id that is not one, or not that of the match.
        MultipleMatches: Several resources match.
    """
    body_id = resource.get("id")
    if body_id is not None and not (isinstance(body_id, str) and is_logical_id(body_id)):
        raise InvalidRequest.of("id-syntax", expression=place, found=str(body_id)[:80])
    found = await single_match(services, query, place)
    if found is not None and body_id not in {None, found.logical_id}:
        raise InvalidRequest.of(
            "id-other", expression=place, found=body_id, expected=found.logical_id
        )
    is_new = found is None and body_id is None
    if found is not None:
        logical_id = found.logical_id
    else:
        logical_id = new_id if body_id is None else LogicalId(body_id)
    return Change(
        method="PUT",
        resource_type=resource_type,
        logical_id=logical_id,
        resource=resource,
        is_new=is_new,
        if_match=request.preconditions.if_match,
        must_be_absent=found is None and not is_new,
        unless=query if found is None else None,
        place=place,
    )
