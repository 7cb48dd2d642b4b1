"""Create and conditional create.

Spec: https://hl7.org/fhir/R4/http.html#create and https://hl7.org/fhir/R4/http.html#ccreate
"""

from fhir_server.interaction.accept import check_shape, posted, tells_remarks, validated
from fhir_server.interaction.answer import of_result, of_version
from fhir_server.interaction.conditional import (
    criteria_parameters,
    criteria_query,
    single_match,
)
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.services import Services
from fhir_server.interaction.target import Target
from fhir_server.interaction.write import MAX_ATTEMPTS, Change, commit_changes
from fhir_server.model import Conflict
from fhir_server.search import SearchQuery
from fhir_server.storage import AlreadyExists


async def create(services: Services, target: Target, request: Request) -> Response:
    """Store a new resource under an id of the server's; an id in the body is ignored.

    With ``If-None-Exist``: no match creates, one match answers 200 with that resource, several are
    412.

    Raises:
        InvalidRequest: No body, or of another type than the URL names.
        ValidationFailed: The content has errors.
        MultipleMatches: Several resources match the criteria.
    """
    knowledge = services.knowledge.current
    resource = posted(request)
    check_shape(resource, target.resource_type)
    query: SearchQuery | None = None
    if request.preconditions.if_none_exist is not None:
        parameters = criteria_parameters(request.preconditions.if_none_exist)
        query = criteria_query(knowledge, target.resource_type, parameters, request.base_url)
        found = await single_match(services, query)
        if found is not None:
            return of_version(found)
    warnings = await validated(
        services,
        knowledge,
        resource,
        request,
        tells_remarks=tells_remarks(request),
    )
    change = Change(
        method="POST",
        resource_type=target.resource_type,
        logical_id=services.new_id(),
        resource=resource,
        is_new=True,
        unless=query,
        warnings=warnings,
    )
    for _ in range(MAX_ATTEMPTS):
        try:
            (result,) = await commit_changes(services, knowledge, (change,))
        except AlreadyExists:
            # somebody was faster; what they made is the match now, unless it is gone again
            found = None if query is None else await single_match(services, query)
            if found is not None:
                return of_version(found)
        else:
            return of_result(result, request)
    raise Conflict.of("write-contended", found=MAX_ATTEMPTS)
