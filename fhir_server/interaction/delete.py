"""Delete and conditional delete; both are idempotent and leave the history readable.

Spec: https://hl7.org/fhir/R4/http.html#delete and https://hl7.org/fhir/R4/http.html#3.1.0.7.1
"""

from fhir_server.interaction.answer import of_result
from fhir_server.interaction.conditional import criteria_query, single_match
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.services import Services
from fhir_server.interaction.target import Target
from fhir_server.interaction.write import Change, commit_changes


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
    """Delete the one resource that matches the criteria in the URL; 204 where none does.

    Raises:
        InvalidRequest: A parameter is unknown, or there are no criteria: nobody deletes a whole
            type.
        MultipleMatches: Several match: this server deletes one at a time.
    """
    query = criteria_query(
        services.knowledge.current, target.resource_type, request.parameters, request.base_url
    )
    found = await single_match(services, query)
    if found is None:
        return Response(status=204, resource_type=target.resource_type)
    change = Change(
        method="DELETE",
        resource_type=found.resource_type,
        logical_id=found.logical_id,
        resource=None,
        if_match=request.preconditions.if_match,
    )
    (result,) = await commit_changes(services, services.knowledge.current, (change,))
    return of_result(result, request)
