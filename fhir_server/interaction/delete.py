"""Delete and conditional delete; both are idempotent and leave the history readable.

Spec: https://hl7.org/fhir/R4/http.html#delete and https://hl7.org/fhir/R4/http.html#3.1.0.7.1
"""

from dataclasses import replace

from fhir_server.interaction.answer import of_result
from fhir_server.interaction.conditional import criteria_query
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.services import Services
from fhir_server.interaction.target import Target
from fhir_server.interaction.write import Change, commit_changes
from fhir_server.model import MultipleMatches


async def delete(services: Services, target: Target, request: Request) -> Response:
    """Delete a resource; 204 also where nothing was, or no longer was, there.

    Raises:
        VersionMismatch: ``If-Match`` does not name the current version.
    """
    change = Change(
        method="DELETE",
        resource_type=target.resource_type,
        logical_id=target.logical_id,
        resource=None,
        if_match=request.preconditions.if_match,
    )
    (result,) = await commit_changes(services, services.knowledge.current, (change,))
    return of_result(result, request)


async def conditional_delete(services: Services, target: Target, request: Request) -> Response:
    """Delete what matches the criteria in the URL, in one commit; 204 where nothing does.

    Several are deleted only where ``max_conditional_deletes`` allows so many.

    Raises:
        InvalidRequest: A parameter is unknown, or there are no criteria: nobody deletes a whole
            type.
        MultipleMatches: More match than may be deleted at a time.
    """
    query = criteria_query(
        services.knowledge.current, target.resource_type, request.parameters, request.base_url
    )
    limit = services.options.max_conditional_deletes
    page = await services.store.search(replace(query, page_count=limit + 1))
    if len(page.matches) > limit:
        if limit == 1:
            raise MultipleMatches.of("criteria-multiple")
        raise MultipleMatches.of("criteria-too-many", expected=limit)
    if not page.matches:
        return Response(status=204, resource_type=target.resource_type)
    changes = [
        Change(
            method="DELETE",
            resource_type=found.resource_type,
            logical_id=found.logical_id,
            resource=None,
            if_match=request.preconditions.if_match,
        )
        for found in page.matches
    ]
    results = await commit_changes(services, services.knowledge.current, changes)
    if len(results) == 1:
        return of_result(results[0], request)
    return Response(status=204, resource_type=target.resource_type)
