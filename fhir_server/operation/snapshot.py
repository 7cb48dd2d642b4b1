"""``$snapshot``: the snapshot of a profile, made from its differential.

Spec: https://hl7.org/fhir/R4/profiling.html#snapshot (the operation itself is R5's
``StructureDefinition/$snapshot``, which R4 servers offer too)
"""

import asyncio

from fhir_server.definitions import snapshot
from fhir_server.interaction import Operation, Request, Response, Services, Target
from fhir_server.model import InvalidRequest, JsonObject, NotFound
from fhir_server.operation.call import instance_of
from fhir_server.operation.parameters import OperationParameters

_KIND = "StructureDefinition"


async def make_snapshot(services: Services, target: Target, request: Request) -> Response:
    """Return the StructureDefinition with a newly made snapshot.

    It is the instance the operation is called on, else the parameter ``definition``, else what
    ``url`` names, else the body itself.

    Raises:
        InvalidRequest: None of them is given.
        NotFound: ``url`` names nothing that is here.
        DefinitionErrors: The differential does not fit its base; all findings.
    """
    registry = services.knowledge.current.registry
    definition = await instance_of(services, target) or _given(request)
    if definition is None:
        url = _url(request)
        definition = registry.resource(_KIND, url)
        if definition is None:
            raise NotFound.of("not-found", found=url)
    return Response(status=200, body=await asyncio.to_thread(snapshot, definition, registry))


def _given(request: Request) -> JsonObject | None:
    body = request.resource
    if body is None or body.get("resourceType") == _KIND:
        return body
    return OperationParameters(body).resource("definition", _KIND)


def _url(request: Request) -> str:
    given = OperationParameters(request.resource or {}).text("url")
    asked = next((value for name, value in request.parameters if name == "url"), None)
    if given is None and asked is None:
        raise InvalidRequest.of("operation-parameter-missing", expected="definition, url")
    return given or asked or ""


SNAPSHOT = Operation(
    name="snapshot",
    handler=make_snapshot,
    definition="http://hl7.org/fhir/OperationDefinition/StructureDefinition-snapshot",
    resource_types=frozenset({_KIND}),
    on_type=True,
    on_instance=True,
)
