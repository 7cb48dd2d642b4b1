"""How an operation is called: its input as one Parameters resource, its target, what it answers.

Spec: https://hl7.org/fhir/R4/operations.html#executing
"""

from collections.abc import Mapping

from fhir_server.definitions import Registry
from fhir_server.interaction import Request, Services, Target
from fhir_server.model import Deleted, InvalidRequest, JsonObject, NotFound, decode_stored
from fhir_server.operation.parameters import parameters_from_query


def operation_input(
    registry: Registry,
    definition: str,
    request: Request,
    further: Mapping[str, str] | None = None,
) -> JsonObject:
    """Return the input as a Parameters resource: from the query and from the body.

    Args:
        registry: Has the OperationDefinition, for the types of query parameters.
        definition: Its canonical.
        request: The call.
        further: Types of parameters that the server knows beyond the definition.

    Raises:
        InvalidRequest: An unknown or malformed parameter, or a body that is no Parameters resource.
    """
    described = registry.resource("OperationDefinition", definition) or {}
    parameters = parameters_from_query(described, request.parameters, further)
    body = request.resource
    if body is None:
        return parameters
    if body.get("resourceType") != "Parameters":
        raise InvalidRequest.of("operation-needs-parameters", found=body.get("resourceType"))
    given = body.get("parameter", [])
    return {"resourceType": "Parameters", "parameter": [*parameters["parameter"], *given]}


async def instance_of(services: Services, target: Target) -> JsonObject | None:
    """Return the resource that the operation is called on; None: it is called on no instance.

    Raises:
        NotFound: It is not here.
        Deleted: It is deleted.
    """
    if not target.logical_id:
        return None
    version = await services.store.read(target.resource_type, target.logical_id)
    name = f"{target.resource_type}/{target.logical_id}"
    if version is None:
        raise NotFound.of("not-found", found=name)
    if version.body is None:
        raise Deleted.of("deleted", found=name)
    return decode_stored(version.body)
