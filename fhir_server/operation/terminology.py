"""The operations on terminology, put on the wire: all have the same shape.

Spec: https://hl7.org/fhir/R4/terminology-service.html
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from fhir_server.interaction import Operation, Request, Response, Services, Target
from fhir_server.model import JsonObject
from fhir_server.operation import (
    batch_validate_code,
    expand,
    lookup,
    subsumes,
    translate,
    validate_code,
)
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
        name: Without ``$``.
        runs: What answers, by the resource type it is called on.
    """

    def __init__(self, name: str, runs: Mapping[str, Run]) -> None:
        self._name = name
        self._runs = runs

    async def __call__(self, services: Services, target: Target, request: Request) -> Response:
        """Answer one call."""
        knowledge = services.knowledge.current
        definition = f"{_HL7}{target.resource_type}-{self._name}"
        parameters = operation_input(knowledge.registry, definition, request, FURTHER_PARAMETERS)
        answer = await asyncio.to_thread(
            self._runs[target.resource_type],
            knowledge.terminology,
            parameters,
            target=await instance_of(services, target),
            language=request.accept_language or "",
        )
        return Response(status=200, body=answer)


_RUNS: Mapping[str, Mapping[str, Run]] = {
    "expand": {"ValueSet": expand.run},
    "validate-code": {
        "ValueSet": validate_code.run,
        "CodeSystem": validate_code.run_in_code_system,
    },
    "batch-validate-code": {
        "ValueSet": batch_validate_code.run,
        "CodeSystem": batch_validate_code.run_in_code_system,
    },
    "lookup": {"CodeSystem": lookup.run},
    "subsumes": {"CodeSystem": subsumes.run},
    "translate": {"ConceptMap": translate.run},
}

_OWN: Mapping[str, str] = {
    "batch-validate-code": "https://fhir.esoz.ua/OperationDefinition/batch-validate-code",
}
"""Canonicals of operations that R4 does not define."""

TERMINOLOGY_OPERATIONS = tuple(
    Operation(
        name=name,
        handler=TerminologyHandler(name, runs),
        definition=_OWN.get(name, f"{_HL7}[type]-{name}"),
        resource_types=frozenset(runs),
        on_type=True,
        on_instance=True,
    )
    for name, runs in _RUNS.items()
)
