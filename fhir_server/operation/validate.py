"""``$validate``: what would be wrong if this were stored, without storing it.

Spec: https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from fhir_server.interaction import (
    MOST_OF_ALL,
    MOST_TARGETS,
    Knowledge,
    Operation,
    Request,
    Response,
    Services,
    Target,
    judged,
)
from fhir_server.model import (
    InvalidRequest,
    Issue,
    JsonObject,
    Severity,
    issue,
    operation_outcome,
    with_positions,
)
from fhir_server.operation.call import instance_of
from fhir_server.validation import Known, ReferenceResolver

_WRITES = frozenset({"create", "update"})
_BOOLEANS = frozenset({"true", "false"})
_MODES = frozenset({"create", "update", "delete", "profile"})


class _Input(NamedTuple):
    """What is to be validated, and where it stands in the posted text."""

    resource: JsonObject | None
    profiles: tuple[str, ...]
    mode: str | None
    pointer: str | None
    strict: str | None

    @property
    def is_strict(self) -> bool:
        """Whether to judge as HL7's validator does: unless asked what a write would say."""
        if self.strict is not None:
            return self.strict == "true"
        return self.mode not in _WRITES


async def validate(services: Services, target: Target, request: Request) -> Response:
    """Answer with an OperationOutcome: 200 whatever the findings, as the question was answered.

    Raises:
        InvalidRequest: There is nothing to validate, or ``mode`` is none.
        NotFound: The instance is not here.
    """
    given = _input(request)
    if given.strict is not None and given.strict not in _BOOLEANS:
        raise InvalidRequest.of("validate-strict", found=given.strict)
    if given.mode is not None and given.mode not in _MODES:
        raise InvalidRequest.of(
            "validate-mode", found=given.mode, expected=", ".join(sorted(_MODES))
        )
    resource, pointer = given.resource, given.pointer
    if resource is None:
        resource, pointer = await instance_of(services, target), None
        if resource is None:
            if given.mode == "delete":
                raise InvalidRequest.of("validate-delete-instance")
            raise InvalidRequest.of("body-missing")
    issues: Sequence[Issue] = ()
    if given.mode != "delete":
        issues = await _findings(services, target, request, given, resource)
    return _answer(request, issues, pointer)


def _input(request: Request) -> _Input:
    profiles = [value for name, value in request.parameters if name == "profile" and value]
    mode = next((value for name, value in request.parameters if name == "mode"), None)
    strict = next((value for name, value in request.parameters if name == "strict"), None)
    body = request.resource
    if body is None or body.get("resourceType") != "Parameters":
        return _Input(body, tuple(profiles), mode, "", strict)
    resource, pointer = None, None
    for index, parameter in enumerate(body.get("parameter", ())):
        name = parameter.get("name")
        value = next((v for k, v in parameter.items() if k.startswith("value")), None)
        if name == "resource":
            resource, pointer = parameter.get("resource"), f"/parameter/{index}/resource"
        elif name == "profile" and isinstance(value, str):
            profiles.append(value)
        elif name == "mode":
            mode = str(value)
        elif name == "strict":
            strict = str(value).lower()
    return _Input(resource, tuple(profiles), mode, pointer, strict)


async def _findings(
    services: Services,
    target: Target,
    request: Request,
    given: _Input,
    resource: JsonObject,
) -> Sequence[Issue]:
    other = _other_type(target, given, resource)
    if any(found.is_error for found in other):
        return other
    knowledge = services.knowledge.current
    (found,) = await judged(
        services.store,
        [partial(_validated, knowledge, resource, given)],
        base_url=request.base_url,
        targets=_itself(resource),
        is_large=len(request.body or b"") > services.options.offload_from_bytes,
        most_targets=_most_targets(resource),
    )
    return (*other, *found)


def _other_type(target: Target, given: _Input, resource: JsonObject) -> tuple[Issue, ...]:
    """Tell of another type than the URL's; only as a write it could not be taken at all."""
    found, expected = resource.get("resourceType"), target.resource_type
    if found == expected:
        return ()
    is_refused = given.mode in {"create", "update"} or not isinstance(found, str)
    severity: Severity = "error" if is_refused else "warning"
    wrong = issue(
        "resource-type-other", severity=severity, pointer="", found=found, expected=expected
    )
    return (wrong,)


def _itself(resource: JsonObject) -> dict[str, Known]:
    """A resource that has an id may refer to itself, which is not stored like this yet."""
    logical_id = resource.get("id")
    return {f"{resource.get('resourceType')}/{logical_id}": resource} if logical_id else {}


def _most_targets(resource: JsonObject) -> int:
    entries = resource.get("entry")
    count = len(entries) if isinstance(entries, list) else 1
    return min(MOST_TARGETS * max(count, 1), MOST_OF_ALL)


def _validated(
    knowledge: Knowledge, resource: JsonObject, given: _Input, targets: ReferenceResolver
) -> tuple[Issue, ...]:
    found = knowledge.validator.validate(
        resource, profiles=given.profiles, resolver=targets, is_strict=given.is_strict
    )
    return tuple(found)


def _answer(request: Request, issues: Sequence[Issue], pointer: str | None) -> Response:
    if pointer is not None and request.text is not None and issues:
        placed = (
            replace(found, pointer=pointer + found.pointer) if found.pointer is not None else found
            for found in issues
        )
        issues = with_positions(placed, request.text)
    told = issues or (issue("validate-fine"),)
    return Response(status=200, body=operation_outcome(told, request.language))


VALIDATE = Operation(
    name="validate",
    judges_input=True,
    handler=validate,
    definition="http://hl7.org/fhir/OperationDefinition/Resource-validate",
    on_type=True,
    on_instance=True,
)
