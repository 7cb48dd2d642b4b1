"""``$everything``: all that is in the compartment of a patient or encounter, and what it refers to.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from collections.abc import Sequence

from fhir_server.interaction import Operation, Request, Response, Services, Target, compartment_page
from fhir_server.model import InvalidRequest, NotSupported
from fhir_server.operation.call import instance_of

_TAKEN = frozenset({"_since", "_type", "_count", "_page", "_format", "_pretty"})
_NOT_YET = frozenset({"start", "end"})


async def everything(services: Services, target: Target, request: Request) -> Response:
    """Return one page of the compartment with the resources that it refers to.

    Raises:
        InvalidRequest: A parameter is unknown or malformed.
        NotSupported: ``start`` or ``end`` is given.
        NotFound: There is no such patient or encounter.
        Deleted: It is deleted.
    """
    await instance_of(services, target)
    return await compartment_page(services, target, request, _criteria(request))


def _criteria(request: Request) -> Sequence[tuple[str, str]]:
    criteria: list[tuple[str, str]] = []
    given = [
        *request.parameters,
        *(
            (str(parameter.get("name")), str(value))
            for parameter in (request.resource or {}).get("parameter", ())
            for key, value in parameter.items()
            if key.startswith("value")
        ),
    ]
    for name, value in given:
        if name in _NOT_YET:
            raise NotSupported.of("everything-period", found=name)
        if name not in _TAKEN:
            raise InvalidRequest.of(
                "everything-parameter", found=name, expected="_since, _type, _count"
            )
        criteria.append(("_lastUpdated", f"ge{value}") if name == "_since" else (name, value))
    return criteria


EVERYTHING = Operation(
    name="everything",
    handler=everything,
    definition="http://hl7.org/fhir/OperationDefinition/[type]-everything",
    resource_types=frozenset({"Patient", "Encounter"}),
    on_instance=True,
)
