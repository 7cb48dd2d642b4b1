"""Which interaction answers: the one table of methods and URL shapes. Bundles re-enter it.

Spec: https://hl7.org/fhir/R4/http.html#summary
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial

from fhir_server.interaction.accept import posted
from fhir_server.interaction.asynchronous import answer_later, job_cancel, job_file, job_status
from fhir_server.interaction.batch import batch
from fhir_server.interaction.capabilities import Capabilities
from fhir_server.interaction.create import create
from fhir_server.interaction.delete import conditional_delete, delete
from fhir_server.interaction.history import history
from fhir_server.interaction.input_shape import check_input
from fhir_server.interaction.message import Request, Response
from fhir_server.interaction.openapi import OpenApi
from fhir_server.interaction.operation import Operation
from fhir_server.interaction.patch import conditional_patch, patch
from fhir_server.interaction.read import read, vread
from fhir_server.interaction.search import search
from fhir_server.interaction.services import Handler, Services
from fhir_server.interaction.target import Shape, Target, parse_path
from fhir_server.interaction.transaction import transaction
from fhir_server.interaction.update import conditional_update, update
from fhir_server.model import (
    InvalidRequest,
    JsonObject,
    MethodNotAllowed,
    NotFound,
    issue,
)

INTERACTIONS: Mapping[Shape, Mapping[str, Handler]] = {
    "system": {"GET": search},
    "system-search": {"POST": search},
    "system-history": {"GET": history},
    "type": {
        "GET": search,
        "POST": create,
        "PUT": conditional_update,
        "PATCH": conditional_patch,
        "DELETE": conditional_delete,
    },
    "type-search": {"POST": search},
    "type-history": {"GET": history},
    "instance": {"GET": read, "PUT": update, "PATCH": patch, "DELETE": delete},
    "instance-history": {"GET": history},
    "version": {"GET": vread},
    "compartment": {"GET": search},
    "compartment-search": {"POST": search},
    "job": {"GET": job_status, "DELETE": job_cancel},
    "job-file": {"GET": job_file},
}


class Dispatcher:
    """Answers requests.

    Args:
        services: Handed to every interaction.
        operations: The operations on offer.
        formats: Media types of resources on the wire, for the CapabilityStatement.
    """

    def __init__(
        self,
        services: Services,
        operations: Iterable[Operation] = (),
        formats: Sequence[str] = ("application/fhir+json",),
    ) -> None:
        self._services = services
        self._operations = {operation.name: operation for operation in operations}
        self._routes: dict[Shape, dict[str, Handler]] = {
            shape: dict(handlers) for shape, handlers in INTERACTIONS.items()
        }
        self._routes["system"]["POST"] = partial(_bundle, self)
        offered = tuple(o for o in self._operations.values() if o.is_allowed(services.options))
        self._routes["metadata"] = {"GET": Capabilities(offered, formats)}
        self._routes["openapi"] = {"GET": OpenApi(offered, formats)}

    async def __call__(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            FhirError: It is refused.
        """
        types = self._services.knowledge.current.registry.types.resource_types
        target = parse_path(request.path, types)
        handlers = self._called(target) if target.operation else self._routes[target.shape]
        handler = handlers.get(request.method)
        if handler is not None:
            if target.operation and request.resource is not None:
                self._check_input(target.operation, request.resource)
            if request.preferences.is_async and self._is_postponable(target):
                return await answer_later(
                    self._services, partial(handler, self._services, target), request
                )
            return await handler(self._services, target, request)
        allowed = _allowed(handlers)
        if request.method == "OPTIONS":
            return Response(status=204, headers={"Allow": allowed})
        refusal = issue(
            "method-not-allowed", code="not-supported", found=request.method, expected=allowed
        )
        raise MethodNotAllowed((refusal,), headers={"Allow": allowed})

    def _check_input(self, name: str, resource: JsonObject) -> None:
        types = self._services.knowledge.current.registry.types
        is_deep = not self._operations[name].judges_input
        check_input(resource, types, is_deep=is_deep)

    def _is_postponable(self, target: Target) -> bool:
        """Say whether the answer may be made a job: not what is one, or makes one itself."""
        if target.operation:
            return not self._operations[target.operation].starts_job
        return target.shape not in _AT_ONCE

    def _called(self, target: Target) -> Mapping[str, Handler]:
        operation = self._operations.get(target.operation)
        if operation is None:
            near = get_close_matches(target.operation, self._operations, n=1)
            expected = f"${near[0]}" if near else "metadata"
            raise NotFound.of(
                "operation-unknown", found=f"${target.operation[:60]}", nearest=expected
            )
        if not operation.is_offered(target.shape, target.resource_type):
            raise NotFound.of("operation-not-here", found=f"${operation.name}")
        if operation.affects_state:
            return {"POST": operation.handler}
        return {"GET": operation.handler, "POST": operation.handler}


_AT_ONCE = frozenset({"job", "job-file", "openapi"})


def _allowed(handlers: Mapping[str, Handler]) -> str:
    methods = [*handlers, *(("HEAD",) if "GET" in handlers else ()), "OPTIONS"]
    return ", ".join(sorted(methods))


async def _bundle(
    dispatch: Dispatcher, services: Services, _target: Target, request: Request
) -> Response:
    """Answer a Bundle posted to the base.

    Raises:
        InvalidRequest: It is no Bundle, or neither a batch nor a transaction.
    """
    resource = posted(request)
    if resource.get("resourceType") != "Bundle":
        raise InvalidRequest.of("base-needs-bundle", found=resource.get("resourceType"))
    if resource.get("type") == "batch":
        return await batch(services, dispatch, request, resource)
    if resource.get("type") == "transaction":
        return await transaction(services, dispatch, request, resource)
    raise InvalidRequest.of("bundle-type", expression="Bundle.type", found=resource.get("type"))
