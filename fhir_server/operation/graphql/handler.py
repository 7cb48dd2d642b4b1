"""``$graphql``: a graph of what is stored, as the client draws it.

Spec: https://hl7.org/fhir/R4/graphql.html
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from fhir_server.interaction import Operation, Request, Response, Services, Target
from fhir_server.model import FhirError, JsonObject, Language, encode, operation_outcome
from fhir_server.operation.call import instance_of
from fhir_server.operation.graphql.call import Call, read_call
from fhir_server.operation.graphql.checking import Checker
from fhir_server.operation.graphql.document import Field, Reader, chosen, parsed
from fhir_server.operation.graphql.fault import Faults, Problem, refused
from fhir_server.operation.graphql.fetching import Fetcher
from fhir_server.operation.graphql.introspection import Introspection, is_introspection
from fhir_server.operation.graphql.known import Known
from fhir_server.operation.graphql.member import QUERY, Members
from fhir_server.operation.graphql.rendering import Item, Renderer
from fhir_server.operation.graphql.value import Values

MEDIA_TYPE = "application/json"


class GraphQl:
    """Answers queries; keeps the schema that was last asked for."""

    def __init__(self) -> None:
        self._introspection = Introspection()

    async def __call__(self, services: Services, target: Target, request: Request) -> Response:
        """Answer a query; refusals too are GraphQL's answers, with an OperationOutcome inside."""
        try:
            return await self._answer(services, target, request)
        except Faults as refusal:
            return _response(refusal.status, _errors(refusal.problems, request.language))
        except FhirError as refusal:
            faults = refused(refusal, None)
            return _response(faults.status, _errors(faults.problems, request.language))

    async def _answer(self, services: Services, target: Target, request: Request) -> Response:
        call = read_call(request)
        knowledge = services.knowledge.current
        members = Members(knowledge.registry.types)
        fields = await asyncio.to_thread(_read, call)
        resource = await instance_of(services, target)
        root = Item({}, QUERY, None)
        if resource is not None:
            root = Item(resource, target.resource_type, resource)
        if any(map(is_introspection, fields)):
            found = await self._introspection.answer(
                knowledge, members, call, fields, root.fhir_type
            )
            return Response(status=200, body=found, media_type=MEDIA_TYPE)
        await asyncio.to_thread(Checker(members).check, fields, root.fhir_type)
        known, fetcher = Known(), Fetcher(services, knowledge, request.base_url)
        while True:  # each round goes one reference or search deeper, and depth is limited
            renderer = Renderer(members, known, request.base_url)
            data = await asyncio.to_thread(renderer.render, root, fields)
            if known.is_complete:
                break
            await fetcher.fetch(known)
        answer: JsonObject = {"data": data}
        if fetcher.remarks:
            outcome = operation_outcome(fetcher.remarks, request.language)
            answer["extensions"] = {"resource": outcome}
        return _response(200, answer)


def _read(call: Call) -> tuple[Field, ...]:
    document = parsed(call.query)
    operation = chosen(document, call.operation_name)
    values = Values(operation.variable_definitions or (), call.variables)
    return Reader(document, values).fields(operation)


def _response(status: int, answer: JsonObject) -> Response:
    return Response(status=status, body=encode(answer), media_type=MEDIA_TYPE)


def _errors(problems: Sequence[Problem], language: Language) -> JsonObject:
    """Return the answer that tells what is wrong.

    Spec: https://hl7.org/fhir/R4/graphql.html#errors
    """
    return {"data": None, "errors": [_error(one, language) for one in problems]}


def _error(one: Problem, language: Language) -> JsonObject:
    told: dict[str, Any] = {"message": one.issue.text.in_language(language)}
    if one.place is not None:
        told["locations"] = [{"line": one.place.line, "column": one.place.column}]
    told["extensions"] = {"resource": operation_outcome((one.issue,), language)}
    return told


GRAPHQL = Operation(
    name="graphql",
    handler=GraphQl(),
    definition="http://hl7.org/fhir/OperationDefinition/Resource-graphql",
    on_system=True,
    on_instance=True,
)
