"""``$reindex``: index what is stored anew, as a job beside everything else.

It is this server's own: for search parameters that came later, and for an index that is doubted.
"""

from difflib import get_close_matches

from fhir_server.interaction import Operation, Request, Response, Services, Target, job_started
from fhir_server.model import InvalidRequest, JsonObject


async def reindex(services: Services, target: Target, request: Request) -> Response:
    """Start to index a type, or those that ``type`` names; none named: what is not complete.

    One such job runs at a time in a process: while one does, it is told instead.

    Raises:
        InvalidRequest: A type that R4 does not have.
        Unavailable: There are too many jobs.
    """
    types = {target.resource_type} if target.resource_type else _types(services, request)
    job_id = await services.index.start(types, language=request.language)
    return job_started(request, job_id)


def _types(services: Services, request: Request) -> set[str]:
    known = services.knowledge.current.registry.types.resource_types
    named = [value for name, value in request.parameters if name == "type"]
    named += _of_body(request.resource)
    found = {name for value in named for name in value.split(",") if name}
    for name in sorted(found):
        if name not in known:
            near = get_close_matches(name, known, n=1) or ["Patient"]
            raise InvalidRequest.of("unknown-type-near", found=name, nearest=near[0])
    return found


def _of_body(resource: JsonObject | None) -> list[str]:
    return [
        str(value)
        for parameter in (resource or {}).get("parameter", ())
        if parameter.get("name") == "type"
        for key, value in parameter.items()
        if key.startswith("value")
    ]


REINDEX = Operation(
    name="reindex",
    handler=reindex,
    definition="https://fhir.esoz.ua/OperationDefinition/reindex",
    on_system=True,
    on_type=True,
    affects_state=True,
    starts_job=True,
)
