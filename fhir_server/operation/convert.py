"""``$convert``: a resource in another format.

Spec: https://hl7.org/fhir/R4/resource-operation-convert.html
"""

from fhir_server.interaction import Operation, Request, Response, Services, Target
from fhir_server.model import InvalidRequest, JsonObject


async def convert(services: Services, target: Target, request: Request) -> Response:
    """Return the resource as it came; ``Accept`` or ``_format`` say in which format.

    Nothing is validated beyond what reading the format needs, and nothing is stored.

    Raises:
        InvalidRequest: There is no resource, or of a type that R4 does not have.
    """
    given = _input(request)
    known = services.knowledge.current.registry.types.resource_types
    resource_type = given.get("resourceType")
    if not isinstance(resource_type, str) or resource_type not in known:
        raise InvalidRequest.of("unknown-type", found=str(resource_type))
    return Response(status=200, body=given)


def _input(request: Request) -> JsonObject:
    body = request.resource
    if body is None:
        raise InvalidRequest.of("body-missing")
    if body.get("resourceType") == "Parameters":
        for parameter in body.get("parameter", ()):
            resource = parameter.get("resource")
            if parameter.get("name") == "input" and isinstance(resource, dict):
                return resource
    return body


CONVERT = Operation(
    name="convert",
    judges_input=True,
    handler=convert,
    definition="http://hl7.org/fhir/OperationDefinition/Resource-convert",
    on_system=True,
)
