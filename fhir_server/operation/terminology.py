"""The operations on terminology, put on the wire: all have the same shape.

Spec: https://hl7.org/fhir/R4/terminology-service.html
"""

import asyncio
from typing import Protocol

from fhir_server.interaction import Operation, Request, Response, Services, Target
from fhir_server.model import JsonObject
from fhir_server.operation import expand, lookup, subsumes, translate, validate_code
from fhir_server.operation.call import instance_of, operation_input
from fhir_server.operation.terminology_input import FURTHER_PARAMETERS
from fhir_server.terminology import Terminology

_HL7 = "http://hl7.org/fhir/OperationDefinition/"


class Run(Protocol):
    """What the module of each operation offers."""

    def __call__(
        self,
        terminology: Terminology,
        parameters: JsonObject,
        *,
        target: JsonObject | None = None,
        language: str = "",
    ) -> JsonObject:
        """Answer on values alone."""


class TerminologyHandler:
    """Calls one operation on a worker thread: an expansion may take a while.

    Args:
        runs: What answers, by the resource type it is called on.
    """

    def __init__(self, runs: dict[str, tuple[str, Run]]) -> None:
        self._runs = runs

    async def __call__(self, services: Services, target: Target, request: Request) -> Response:
        """Answer one call."""
        definition, run = self._runs[target.resource_type]
        knowledge = services.knowledge.current
        parameters = operation_input(
            knowledge.registry, _HL7 + definition, request, FURTHER_PARAMETERS
        )
        answer = await asyncio.to_thread(
            run,
            knowledge.terminology,
            parameters,
            target=await instance_of(services, target),
            language=request.accept_language or "",
        )
        return Response(status=200, body=answer)


def _operation(name: str, runs: dict[str, tuple[str, Run]]) -> Operation:
    return Operation(
        name=name,
        handler=TerminologyHandler(runs),
        definition=_HL7 + next(iter(runs.values()))[0],
        resource_types=frozenset(runs),
        on_type=True,
        on_instance=True,
    )


TERMINOLOGY_OPERATIONS = (
    _operation("expand", {"ValueSet": ("ValueSet-expand", expand.run)}),
    _operation(
        "validate-code",
        {
            "ValueSet": ("ValueSet-validate-code", validate_code.run),
            "CodeSystem": ("CodeSystem-validate-code", validate_code.run_in_code_system),
        },
    ),
    _operation("lookup", {"CodeSystem": ("CodeSystem-lookup", lookup.run)}),
    _operation("subsumes", {"CodeSystem": ("CodeSystem-subsumes", subsumes.run)}),
    _operation("translate", {"ConceptMap": ("ConceptMap-translate", translate.run)}),
)
